# Prints id and event key of every record of a topic.
import sys

from confluent_kafka import Consumer, TopicPartition

broker, topic = sys.argv[1:3]
consumer = Consumer({"bootstrap.servers": broker, "group.id": "reader", "enable.auto.commit": False})
metadata = consumer.list_topics(topic, timeout=20).topics[topic]
ends = {}
for partition in metadata.partitions:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
    if high > low:
        ends[partition] = high
consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
while ends:
    for message in consumer.consume(1000, timeout=20):
        assert not message.error(), message.error()
        headers = dict(message.headers())
        print(headers["ce_id"].decode(), headers["event-key"].decode())
        if message.offset() + 1 >= ends.get(message.partition(), 0):
            ends.pop(message.partition(), None)
