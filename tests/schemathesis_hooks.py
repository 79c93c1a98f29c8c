"""What schemathesis does besides asking: each job and each storyboard that it has made is cancelled
at once."""

from typing import Any

import schemathesis


@schemathesis.hook
def after_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], response: schemathesis.Response
) -> None:
    if response.status_code == 202:
        cancel = case.operation.schema.find_operation_by_id("cancel_job")
        made = cancel.Case(path_parameters={"job_id": response.json()["id"]})
        made.call(base_url=case.operation.base_url, headers=dict(case.headers or {}))
    if response.status_code == 200 and case.operation.label.endswith("/make"):
        stop = case.operation.schema.find_operation_by_id("stop_making")
        ended = stop.Case(path_parameters={"storyboard_id": response.json()["id"]})
        ended.call(base_url=case.operation.base_url, headers=dict(case.headers or {}))
