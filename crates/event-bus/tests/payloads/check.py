"""Reads deliveries with the Python CloudEvents SDK and compares them with what was sent.

Usage: check.py DELIVERIES.json, which holds `sent` (by event id), `structured` and `binary` requests.
"""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event


def read(request):
    message = HTTPMessage(headers=request["headers"], body=request["body"].encode())
    event = from_http_event(message)
    data = event.get_data()
    if isinstance(data, (bytes, str)):
        data = json.loads(data)
    attributes = {name: str(value) for name, value in event.get_attributes().items()}
    return attributes, data


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    sent = document["sent"]
    modes = {}
    for mode in ("structured", "binary"):
        events = {}
        for request in document[mode]:
            attributes, data = read(request)
            events[attributes["id"]] = (attributes, data)
        assert events.keys() == sent.keys(), f"{mode}: other events than were sent"
        modes[mode] = events
    for event_id, original in sent.items():
        attributes, data = modes["structured"][event_id]
        other_attributes, other_data = modes["binary"][event_id]
        assert attributes == other_attributes, f"{event_id}: {attributes} is not {other_attributes}"
        assert data == other_data == json.loads(original["body"]), f"{event_id}: other data than was sent"
        kind = attributes["type"]
        assert kind.startswith("com.github." + original["event"]), f"{event_id}: type {kind}"
    print(f"{len(sent)} payloads agree in both modes")


if __name__ == "__main__":
    main()
