"""Alarms on a page stand once for each cause."""

from __future__ import annotations

from subtomo_server.pages.views import alarms_by_cause


def told(iteration: int, detail: str) -> dict[str, object]:
    return {"iteration": iteration, "detail": detail}


def test_alarms_of_one_cause_are_one_with_all_iterations_and_classes():
    found = alarms_by_cause(
        [
            told(2, "class 3 is empty: 9 % of the others"),
            told(2, "class 11 is empty: 9 % of the others"),
            told(4, "most particles are junk: check them"),
            told(7, "class 3 is empty: 12 % of the others"),
        ]
    )
    assert [(alarm.detail, alarm.iterations, alarm.classes) for alarm in found] == [
        ("is empty: 12 % of the others", [2, 7], [3, 11]),
        ("most particles are junk: check them", [4], []),
    ]
