"""The spool against a plain model: whatever is done to it in whatever order, every event is somewhere, once."""

import json
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stressvision_agent import spool_rows
from stressvision_agent.settings import SpoolSettings
from stressvision_agent.spool import Spool
from support.device import TurnedClock, episode, gap, window

MAKERS = {"window": window, "episode": episode, "gap": gap}
SETTINGS = SpoolSettings(max_bytes=1 << 20, min_free_bytes=0)
KINDS = st.lists(st.sampled_from(sorted(MAKERS)), min_size=1, max_size=20)


class SpoolStates(RuleBasedStateMachine):
    """`lost` and `settled` are what the outside has been told; the rest must still be there."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="spool-states-"))
        self.clock = TurnedClock()
        self.room = SETTINGS
        self.spool = Spool(self.folder, self.room, self.clock)
        self.given = []
        self.sent = {}
        self.settled = 0
        self.aside = {}

    @initialize(kib=st.integers(4, 24))
    def shrink(self, kib):
        """A few dozen events fill it, so that eviction is the rule."""
        self.reopen_with(max_bytes=kib << 10)

    @rule(kinds=KINDS)
    def append(self, kinds):
        self.clock.advance(1)
        seqs = self.spool.append_all([MAKERS[kind](self.clock.uptime_s) for kind in kinds])
        assert len(seqs) == len(kinds)
        assert all(later > earlier for earlier, later in pairwise([*self.given[-1:], *seqs]))
        self.given += seqs
        (open_gaps,) = self.spool._db.execute("SELECT count(*) FROM events WHERE extendable").fetchone()
        assert self.spool.status().size_bytes <= self.room.max_bytes + 500 * open_gaps

    @rule(limit=st.integers(1, 30), room=st.integers(1, 20_000), lane=st.sampled_from(["live", "backlog"]))
    def peek(self, limit, room, lane):
        batch = self.spool.peek(limit, room, lane)
        for event in batch.events if batch else []:
            assert self.sent.setdefault(event.seq, event.body) == event.body, "what was sent once must never change"

    @rule(limit=st.integers(1, 30))
    def send(self, limit):
        batch = self.spool.peek(limit, 1 << 20)
        if batch:
            for event in batch.events:
                told = json.loads(event.body)
                self.settled += 1 + told.get("lost", 0)
                assert self.sent.setdefault(event.seq, event.body) == event.body
            assert self.spool.ack([event.seq for event in batch.events])

    @rule()
    def set_aside(self):
        batch = self.spool.peek(1, 1 << 20)
        if batch:
            (event,) = batch.events
            self.sent.setdefault(event.seq, event.body)
            assert self.spool.set_aside(event.seq, "422")
            self.aside[event.seq] = 1 + json.loads(event.body).get("lost", 0)

    @rule()
    def release(self):
        assert self.spool.release() == len(self.aside)
        self.aside.clear()

    @rule()
    def reopen(self):
        self.spool.close()
        self.spool = Spool(self.folder, self.room, self.clock)

    @rule()
    def reboot(self):
        self.spool.close()
        self.clock.reboot()
        self.spool = Spool(self.folder, self.room, self.clock)

    def reopen_with(self, **changes):
        self.spool.close()
        self.room = SpoolSettings(**{"min_free_bytes": 0, **changes})
        self.spool = Spool(self.folder, self.room, self.clock)

    @invariant()
    def everything_is_somewhere(self):
        db, status = self.spool._db, self.spool.status()
        told = db.execute("SELECT count(*), coalesce(sum(lost), 0) FROM events").fetchone()
        assert status.events == told[0]
        assert status.settled == self.settled
        assert status.next_seq == self.settled + sum(told) + sum(self.aside.values())

    @invariant()
    def the_ledger_is_true_to_the_rows(self):
        assert spool_rows.count_ledger(self.spool._db, self.spool._ledger.boot) == self.spool._ledger

    def teardown(self):
        self.spool.close()
        shutil.rmtree(self.folder)


TestSpoolStates = SpoolStates.TestCase
TestSpoolStates.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
