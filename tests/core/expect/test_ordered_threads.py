"""Results of many threads come in order, one after the other."""

import random
import threading
import time

import pytest

from subtomo_core.expect.ordered_threads import each_in_order


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_results_are_taken_once_each_and_in_the_order_given(threads):
    order = random.Random(1).sample(range(300), 300)
    taken, inside = [], []

    def work(number):
        time.sleep(1e-4 * (number % 5))
        return number * number

    def take(number, result):
        inside.append(number)
        assert len(inside) == 1
        taken.append((number, result))
        inside.pop()

    each_in_order(work, take, order, threads)
    assert taken == [(number, number * number) for number in order]


def test_few_results_wait_for_one_that_takes_long_to_be_taken():
    made, most = 0, 0
    lock = threading.Lock()

    def work(_number):
        nonlocal made
        with lock:
            made += 1

    def take(number, _result):
        nonlocal most
        time.sleep(1e-3)
        most = max(most, made - number)

    each_in_order(work, take, range(200), 3)
    assert made == 200
    assert most <= 3 * 8 + 2 * 3


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("fails", ["work", "take"])
def test_what_a_call_raises_ends_it(threads, fails):
    def one(name):
        def call(number, *_):
            if name == fails and number == 20:
                raise ValueError("twenty")

        return call

    with pytest.raises(ValueError, match="twenty"):
        each_in_order(one("work"), one("take"), range(1000), threads)
