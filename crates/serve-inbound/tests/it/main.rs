//! The HTTP side as its senders see it: real sockets, a real `nats-server`, the clock of the case.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod events;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod receive;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod world;
