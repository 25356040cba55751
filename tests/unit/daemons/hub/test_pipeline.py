"""What can wait in a pipeline, and when its pushers have to."""

from __future__ import annotations

from zerorpc_hub.pipeline import Pipeline


def test_without_a_queue_pushers_wait_only_while_no_puller_is_ready() -> None:
    pipeline = Pipeline(0, 0)
    told = [pipeline.is_full]
    puller, sends = pipeline.add_puller("a")
    told.append(pipeline.is_full)
    sends += pipeline.from_pusher([[b"1"]])
    told.append(pipeline.is_full)
    pipeline.pause(puller)
    told.append(pipeline.is_full)
    sends += pipeline.resume(puller)
    told.append(pipeline.is_full)
    assert told == [True, False, False, True, False]
    assert sends == [("a", [b"1"])]
