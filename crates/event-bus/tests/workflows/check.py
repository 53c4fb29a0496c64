"""Reads messages of the stream with the Python CloudEvents SDK and compares them with what was to be published.

Usage: check.py EVENTS.json, a list of `headers`, `payload` (the message) and `expected` (attributes and data).
"""

import base64
import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        events = json.load(file)
    for given in events:
        payload = base64.b64decode(given["payload"])
        headers = {"content-type": given["headers"]["Content-Type"]}
        event = from_http_event(HTTPMessage(headers=headers, body=payload))
        expected = given["expected"]
        attributes = {name: str(value) for name, value in event.get_attributes().items()}
        for name in ("id", "type", "source"):
            assert attributes[name] == expected[name], f"{name}: {attributes[name]!r} is not {expected[name]!r}"
        assert event.get_specversion() == "1.0" and event.get_time() is not None
        data = event.get_data()
        original = expected["data"]
        media_type = attributes.get("datacontenttype", "")
        if original == "":
            assert data is None, f"data: {data!r} is something"
        elif media_type == "application/json":
            data = json.loads(data) if isinstance(data, bytes) else data
            assert data == json.loads(original), f"data: {data!r} is not {original!r}"
        else:
            data = data.decode() if isinstance(data, bytes) else data
            assert media_type == "text/plain; charset=utf-8", media_type
            assert data == original, f"data: {data!r} is not {original!r}"
    print(f"{len(events)} events are valid and as they were sent")


if __name__ == "__main__":
    main()
