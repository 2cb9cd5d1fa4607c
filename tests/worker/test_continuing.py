"""Going on from an iteration: the bits of a run which was never interrupted."""

from __future__ import annotations

from subtomo_store.jobs.orders import Orders, Origin


def going_on(place, job, number, **changes):
    orders = Orders(continues=Origin(job.id, number))
    return place.submit(orders=orders, **changes)


def later(bits, number):
    return {key: bits[key] for key in bits if key[0] > number}


def test_any_iteration_goes_on_as_if_nothing_had_happened(place, standard, undisturbed):
    place.worker()
    short = place.submit(**standard | {"iterations": 1})
    assert place.wait(short).status == "succeeded"
    for number in (0, 1):
        job = going_on(place, short, number, **standard)
        ended = place.wait(job)
        assert (ended.status, ended.iteration) == ("succeeded", 2)
        assert ended.first_iteration == number + 1
        assert place.bits(job) == later(undisturbed, number)


def test_the_job_it_goes_on_from_may_be_deleted_once_it_has_begun(place, standard, undisturbed):
    place.worker(ADDING_SECONDS="0.1")
    first = place.submit(**standard)
    place.wait(first)
    job = going_on(place, first, 0, **standard)
    place.wait_for_particles(job, 1, 1)
    place.store.files.delete_job(first.id)
    assert place.wait(job).status == "succeeded"
    assert place.bits(job) == later(undisturbed, 0)


def test_an_iteration_which_is_gone_is_told(place, standard):
    first = place.submit(**standard)
    worker = place.worker()
    place.wait(first)
    worker.terminate()
    place.store.files.iteration_file(first.id, 1, "model.npz").unlink()
    job = going_on(place, first, 1, **standard)
    place.worker()
    ended = place.wait(job)
    assert ended.status == "failed"
    assert "iteration 1 of the job" in ended.status_reason
    assert "is gone" in ended.status_reason
