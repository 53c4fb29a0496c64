//! The real destinations: they start, keep their data over SIGKILL, and stock clients can use them.
use testkit::kafka::PASSWORD;
use testkit::{KafkaServer, MotoServer, PostgresServer, tools};

const PRODUCE: &str = "
import sys
from confluent_kafka import Producer
producer = Producer({'bootstrap.servers': sys.argv[1], 'acks': 'all'})
producer.produce(sys.argv[2], b'value', key=b'key')
assert producer.flush(10) == 0
";

const COUNT: &str = "
import sys
from confluent_kafka import Consumer, TopicPartition
consumer = Consumer({'bootstrap.servers': sys.argv[1], 'group.id': 'x'})
print(consumer.get_watermark_offsets(TopicPartition(sys.argv[2], 0), timeout=20)[1])
";

#[tokio::test]
async fn a_killed_broker_comes_back_with_its_records() {
    let kafka = KafkaServer::start().await;
    tools::python(PRODUCE, &[&kafka.address(), "events"]);
    kafka.restart().await;
    assert_eq!(tools::python(COUNT, &[&kafka.address(), "events"]).trim(), "1");
}

#[tokio::test]
async fn a_secured_broker_takes_its_user_and_nobody_else() {
    let kafka = KafkaServer::builder().sasl_ssl().start().await;
    let settings = "'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'SCRAM-SHA-512', \
         'sasl.username': 'event-bus', 'sasl.password': sys.argv[4], 'ssl.ca.location': sys.argv[3]";
    let program = PRODUCE.replace("'acks': 'all'", settings).replace("== 0", "== int(sys.argv[5])");
    let ca = kafka.ca().display().to_string();
    for (password, unsent) in [(PASSWORD, "0"), ("wrong", "1")] {
        tools::python(&program, &[&kafka.address(), "events", &ca, password, unsent]);
    }
}

#[tokio::test]
async fn a_killed_database_comes_back_with_what_was_committed() {
    for server in [PostgresServer::start().await, PostgresServer::with_tls().await] {
        server.psql("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000)");
        server.restart().await;
        assert_eq!(server.psql("SELECT count(*) FROM t"), "1000");
        assert!(server.try_psql("SELECT nothing").unwrap_err().contains("nothing"));
    }
}

#[tokio::test]
async fn the_emulator_of_aws_answers_a_stock_client() {
    let moto = MotoServer::start().await;
    let program = "
import sys, boto3
events = boto3.client('events', endpoint_url=sys.argv[1], region_name='eu-west-1',
                      aws_access_key_id='test', aws_secret_access_key='test')
print([bus['Name'] for bus in events.list_event_buses()['EventBuses']])
";
    assert_eq!(tools::python(program, &[&moto.url()]).trim(), "['default']");
}
