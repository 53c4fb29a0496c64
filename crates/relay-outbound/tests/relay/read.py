# Reads records with the Python CloudEvents SDK and prints their events as lines of JSON: attributes and data.
import base64
import json
import sys

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

with open(sys.argv[1], encoding="utf-8") as file:
    records = json.load(file)
for record in records:
    event = from_kafka_event(KafkaMessage(
        headers={name: value.encode() for name, value in record["headers"].items()},
        key=record["key"] and record["key"].encode(),
        value=base64.b64decode(record["value"]),
    ))
    data = event.get_data()
    if isinstance(data, (bytes, str)):
        data = json.loads(data)
    attributes = event.get_attributes()
    attributes["time"] = attributes["time"].isoformat()
    print(json.dumps({"attributes": attributes, "data": data}))
