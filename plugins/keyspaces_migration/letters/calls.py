"""Calls of a Lambda function in the queue: the comparison Lambda's, which failed. They are no writes."""

import json


def failed_call(body: str) -> str | None:
    """Return what a message says of a failed call, in words; None where it is none.

    AWS Lambda sends an invocation record to its destination for failures: its version 1.0 has `requestContext` with the
    function and the condition, `requestPayload`, and the function's answer (Lambda Developer Guide, "Capturing records
    of Lambda asynchronous invocations"). The payload is not in the words: it holds the key that a result is signed by.
    """
    try:
        record = json.loads(body)
    except ValueError:
        return None
    if not isinstance(record, dict) or not {"requestContext", "requestPayload"} <= record.keys():
        return None
    context = record["requestContext"]
    if not isinstance(context, dict) or "functionArn" not in context:
        return None
    answer = record.get("responsePayload")
    error = answer.get("errorMessage") if isinstance(answer, dict) else None
    tries = context.get("approximateInvokeCount")
    return (
        f"a call of {context['functionArn']} that failed ({context.get('condition')}, {tries} tries"
        f"{f': {error}' if error else ''}). No write is lost with it: the check that made it has said so, and the next "
        "asks anew"
    )
