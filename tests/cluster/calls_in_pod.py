"""Runs in the client pod: `python - URL MODEL KEY COUNT`. Calls the endpoint COUNT times and prints what came back.

A key that was made a moment ago is let in within seconds: that is waited for.
"""

import json
import sys
import time
import urllib.error
import urllib.request

url, model, key, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def call(path, body=None):
    request = urllib.request.Request(url + path, data=body and json.dumps(body).encode(), headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def describe(patience):
    try:
        return call(f"/v2/models/{model}")
    except urllib.error.HTTPError as error:
        if error.code != 401 or patience == 0:
            raise
    time.sleep(0.5)
    return describe(patience - 1)


described = describe(20)
tensor = described["inputs"][0]
width = tensor["shape"][1]
rows = {"inputs": [{"name": tensor["name"], "datatype": "FP32", "shape": [2, width], "data": [1.0] * (2 * width)}]}
answers = [call(f"/v2/models/{model}/infer", rows) for _ in range(count)]
print(
    json.dumps(
        {
            "described": described["name"],
            "answers": len(answers),
            "outputs": [one["name"] for answer in answers[:1] for one in answer["outputs"]],
        }
    )
)
