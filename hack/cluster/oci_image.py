"""Usage: oci_image.py FOLDER REFERENCE CONFIG LAYER.tar...

Writes an OCI image layout: what `tar -C FOLDER -c . | ctr images import -` takes, and BuildKit as `oci-layout://FOLDER`.
CONFIG is the image's config as JSON (Entrypoint, User, Env). The same arguments give the same bytes.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def add_blob(layout: Path, content: bytes) -> dict[str, str | int]:
    digest = hashlib.sha256(content).hexdigest()
    (layout / "blobs/sha256" / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def add_layer(layout: Path, tar: Path) -> dict[str, str | int]:
    with tar.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    shutil.copyfile(tar, layout / "blobs/sha256" / digest)
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{digest}", "size": tar.stat().st_size}


def write_layout(layout: Path, reference: str, config: dict[str, object], tars: list[Path]) -> None:
    shutil.rmtree(layout, ignore_errors=True)
    (layout / "blobs/sha256").mkdir(parents=True)
    layers = [add_layer(layout, tar) for tar in tars]
    image = {
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        "history": [{"created_by": "hack/cluster"} for _ in layers],
    }
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", **add_blob(layout, json.dumps(image).encode())}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described, "layers": layers}
    annotations = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference}
    entry = {"mediaType": MANIFEST_TYPE, **add_blob(layout, json.dumps(manifest).encode()), "annotations": annotations}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


if __name__ == "__main__":
    folder, reference, config, *layers = sys.argv[1:]
    write_layout(Path(folder), reference, json.loads(config), [Path(layer) for layer in layers])
