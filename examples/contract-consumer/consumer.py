"""Consumes fleet.contract.> from the stream of events and prints one line for each.

Needs `pip install nats-py cloudevents`. Usage: consumer.py [NATS_URL] [COUNT]; with COUNT it ends after so many.
It starts with what the stream holds. Several instances share the work, and each event is acknowledged only after it was
handled, so a crash loses none. An event may come twice: (source, id) tells.
"""

import asyncio
import json
import sys

import nats
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from nats.errors import TimeoutError as NothingCame

SUBJECT = "fleet.contract.>"  # `*` would match one token only
DURABLE = "contract-consumer"  # the server remembers under this name what was handled


def handle(event):
    data = event.get_data()
    gap = data if isinstance(data, dict) else {"message": data}
    known = {name: gap[name] for name in ("kind", "contract", "message") if name in gap}
    print(event.get_type(), event.get_id(), json.dumps(known), flush=True)


async def consume(url, count):
    connection = await nats.connect(url)
    subscription = await connection.jetstream().pull_subscribe(SUBJECT, durable=DURABLE, stream="EVENTS")
    handled = 0
    while count is None or handled < count:
        try:
            messages = await subscription.fetch(10, timeout=5)
        except NothingCame:
            continue
        for message in messages:
            try:
                headers = {"content-type": message.headers["Content-Type"]}
                event = from_http_event(HTTPMessage(headers=headers, body=message.data))
            except Exception as problem:  # it will not become valid by waiting
                print(f"sequence {message.metadata.sequence.stream} is no CloudEvent: {problem}", file=sys.stderr)
                await message.term()
                continue
            handle(event)
            await message.ack()
            handled += 1
    await connection.drain()


if __name__ == "__main__":
    address = sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"
    asyncio.run(consume(address, int(sys.argv[2]) if len(sys.argv) > 2 else None))
