"""Who may call changes without a restart, as Ray Serve's user_config."""

from __future__ import annotations

from serving_scenario import ONE

from moorage_api.service_config import ServiceUpdate


def test_a_tenant_is_admitted_and_shut_out_in_place(serving):
    codes = []

    async def test(running):
        codes.append((await running.infer(ONE)).status_code)
        running.replica.update(ServiceUpdate.from_wire({"access": {"tenants": ["globex"]}}))
        codes.append((await running.infer(ONE)).status_code)
        running.replica.update(ServiceUpdate.from_wire({"access": {"tenants": ["globex", "acme"]}}))
        codes.append((await running.infer(ONE)).status_code)

    events = serving(test)
    assert codes == [200, 403, 200]
    assert sorted(event.code for event in events) == [200, 200, 403]
