"""SQLAlchemy 2 with psycopg, driven over standard input: one JSON command a line, one JSON answer a line.

Arguments: the URL, the size of the pool, and `pre-ping` or `default`.
"""

import asyncio
import json
import resource
import sys
import time

from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

PATIENCE = 3600
UPDATE = text("UPDATE counters SET n = n + 1 WHERE id = :row")
SELECT = text("SELECT n FROM counters WHERE id = :row")
PAUSE = text("SELECT pg_sleep(:seconds)")


class Refused(Exception):
    pass


def touch(session, unit):
    if unit["writes"]:
        session.execute(UPDATE, {"row": unit["row"]})
    else:
        session.execute(SELECT, {"row": unit["row"]}).scalar_one()


def run(Session, unit):
    try:
        with Session.begin() as session:
            for number in range(unit["statements"]):
                if number == 0 and unit["savepoint"]:
                    with session.begin_nested():
                        touch(session, unit)
                else:
                    touch(session, unit)
            if not unit["commits"]:
                raise Refused
    except Refused:
        pass


async def short(Session, row):
    async with Session.begin() as session:
        await session.execute(UPDATE, {"row": row})


async def slow(Session, row, seconds, started):
    async with Session.begin() as session:
        await session.execute(UPDATE, {"row": row})
        started.set()
        await session.execute(PAUSE, {"seconds": seconds})


async def doomed(Session, row, seconds, after):
    started = asyncio.Event()
    call = asyncio.create_task(slow(Session, row, seconds, started))
    await started.wait()
    await asyncio.sleep(after)
    call.cancel()
    try:
        await call
    except asyncio.CancelledError:
        pass


async def cancelled(Session, calls, seconds, after):
    began = time.perf_counter()
    await asyncio.gather(*(doomed(Session, row, seconds, after) for row in range(1, calls + 1)))
    return time.perf_counter() - began


async def served(Session, calls):
    began = time.perf_counter()
    await asyncio.gather(*(short(Session, row) for row in range(1, calls + 1)))
    return time.perf_counter() - began


def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_nvcsw


async def crowd(Session, tasks, limit):
    times, counts = [], []
    end = time.perf_counter() + limit

    async def one(row):
        count = 0
        while (began := time.perf_counter()) < end:
            await short(Session, row)
            times.append(time.perf_counter() - began)
            count += 1
        counts.append(count)

    before = spent()
    began = time.perf_counter()
    await asyncio.gather(*(one(row) for row in range(1, tasks + 1)))
    seconds = time.perf_counter() - began
    processor, switches = (now - then for now, then in zip(spent(), before))
    spending = {"processor_seconds": processor, "switches": switches}
    return {"seconds": seconds, "times": times, "counts": counts, "spent": spending}


def main():
    url, connections = sys.argv[1].replace("postgres://", "postgresql+psycopg://"), int(sys.argv[2])
    options = {"pool_size": connections, "max_overflow": 0, "pool_timeout": PATIENCE}
    if sys.argv[3] == "pre-ping":
        options["pool_pre_ping"] = True
    Session = sessionmaker(create_engine(url, **options))
    engine = create_async_engine(url, **options)
    Async = async_sessionmaker(engine)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            command = json.loads(line)
            match command["do"]:
                case "run":
                    run(Session, command["unit"])
                    answer = None
                case "time":
                    answer = []
                    for _ in range(command["times"]):
                        began = time.perf_counter()
                        run(Session, command["unit"])
                        answer.append(time.perf_counter() - began)
                case "cancelled":
                    answer = runner.run(cancelled(Async, command["calls"], command["seconds"], command["after"]))
                case "served":
                    answer = runner.run(served(Async, command["calls"]))
                case "crowd":
                    answer = runner.run(crowd(Async, command["tasks"], command["seconds"]))
            print(json.dumps(answer), flush=True)
        runner.run(engine.dispose())


main()
