# Prints every record of a topic as a line of JSON: key, headers, value (base64), partition.
import base64
import json
import sys
import time

from confluent_kafka import Consumer, TopicPartition

broker, topic, settings = sys.argv[1:4]
settings = {"bootstrap.servers": broker, "group.id": "reader", "enable.auto.commit": False, **json.loads(settings)}
consumer = Consumer(settings)
metadata = consumer.list_topics(topic, timeout=20).topics[topic]
ends = {}
for partition in metadata.partitions:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
    if high > low:
        ends[partition] = high
consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
give_up = time.monotonic() + 60
while ends:
    assert time.monotonic() < give_up, "the broker gives out no more records"
    # It waits for so many records or for so long, whichever comes first.
    for message in consumer.consume(1000, timeout=0.2):
        assert not message.error(), message.error()
        value = message.value()
        print(json.dumps({
            "key": None if message.key() is None else message.key().decode(),
            "headers": {name: value.decode() for name, value in message.headers() or []},
            "value": value if value is None else base64.b64encode(value).decode(),
            "partition": message.partition(),
        }))
        if message.offset() + 1 >= ends.get(message.partition(), 0):
            ends.pop(message.partition(), None)
