//! The HTTP side as its senders see it: real sockets, a real `nats-server`, the clock of the case.

mod events;
mod handshakes;
mod hostile;
mod outage;
mod paths;
mod receive;
mod reload;
mod replay;
mod sizes;
mod vectors;
mod world;
