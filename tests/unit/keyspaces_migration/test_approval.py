"""An approval counts only if everything about it stands; each attack is one change to a good answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.approval import (
    APPROVE,
    CONFIRMATION,
    ApprovalPolicy,
    ApprovalRefusedError,
    GateAnswer,
    VerifiedApproval,
    digest_line,
    verify_approvals,
)

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DIGEST = "ab" * 32
POLICY = ApprovalPolicy(
    migration="flights", approvers=frozenset({"alice", "carol"}), required=1, valid_for=timedelta(hours=1)
)
GOOD = GateAnswer(
    gate="approve",
    responder="alice",
    chosen=(APPROVE,),
    responded_at=NOW - timedelta(minutes=5),
    body=f"# Plan\n\n{digest_line(DIGEST)}\n",
    typed={CONFIRMATION: "flights"},
)


def judge(*answers: GateAnswer, policy: ApprovalPolicy = POLICY, digest: str = DIGEST) -> VerifiedApproval:
    return verify_approvals(answers, policy=policy, evidence_digest=digest, now=NOW)


def test_a_listed_person_who_saw_this_evidence_and_approved_it_just_now_counts() -> None:
    approval = judge(GOOD)
    assert approval.approved_by == ("alice",)
    assert approval.approved_at == GOOD.responded_at
    assert approval.evidence_digest == DIGEST


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"responded_at": None, "chosen": (), "responder": None}, "no answer"),
        ({"chosen": ()}, "no answer"),
        ({"responded_at": None}, "no answer"),
        ({"chosen": ("Reject",)}, "answered Reject"),
        ({"chosen": (APPROVE, "Reject")}, "answered Approve, Reject"),
        ({"responder": None}, "by no user"),
        ({"responder": "mallory"}, "mallory, who is not an approver"),
        ({"responder": "Alice"}, "not an approver"),
        ({"body": "# Plan\n"}, "other evidence"),
        ({"body": f"a quote: {digest_line(DIGEST)}"}, "other evidence"),
        ({"body": digest_line("cd" * 32)}, "other evidence"),
        ({"typed": {}}, "typed confirmation"),
        ({"typed": {CONFIRMATION: "flight"}}, "typed confirmation"),
        ({"typed": {CONFIRMATION: ["flights"]}}, "typed confirmation"),
        ({"responded_at": NOW - timedelta(hours=1, seconds=1)}, "ago"),
        ({"responded_at": NOW + timedelta(minutes=10)}, "in the future"),
    ],
)
def test_one_thing_wrong_with_an_answer_refuses_it_and_is_named(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApprovalRefusedError, match=reason) as refused:
        judge(replace(GOOD, **change))
    assert refused.value.reasons


def test_no_gate_at_all_is_refused() -> None:
    with pytest.raises(ApprovalRefusedError, match="1 gate"):
        judge()


def test_two_gates_answered_by_one_person_are_refused() -> None:
    two = replace(POLICY, required=2)
    with pytest.raises(ApprovalRefusedError, match="2 distinct people"):
        judge(GOOD, replace(GOOD, gate="approve_2"), policy=two)
    approved = judge(GOOD, replace(GOOD, gate="approve_2", responder="carol"), policy=two)
    assert approved.approved_by == ("alice", "carol")


def test_one_good_answer_does_not_carry_a_bad_one() -> None:
    with pytest.raises(ApprovalRefusedError, match="Reject"):
        judge(
            GOOD,
            replace(GOOD, gate="approve_2", responder="carol", chosen=("Reject",)),
            policy=replace(POLICY, required=2),
        )


def test_a_policy_that_requires_nobody_approves_nothing() -> None:
    with pytest.raises(ApprovalRefusedError):
        judge(policy=replace(POLICY, required=0))


@given(digest=st.text(alphabet="0123456789abcdef", min_size=64, max_size=64).filter(lambda text: text != DIGEST))
def test_no_other_digest_passes(digest: str) -> None:
    with pytest.raises(ApprovalRefusedError, match="other evidence"):
        judge(GOOD, digest=digest)
