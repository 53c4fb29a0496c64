//! Whether a route delivers, holds because its destination is away, or is disabled because it is gone.
//!
//! While a route holds, its events wait: those under way here, the others on the bus. No attempt is counted. One event at
//! a time is tried, 1 s, 2 s, 4 s … 30 s apart, and the waiting events take turns, so that one that can never pass does not keep the
//! others from showing that the destination is back. When that has lasted half a minute, all but a few go back to the
//! bus: another replica may reach the destination. In the end those few go back too, and others take their place.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{MutexGuard, Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

/// Failures in a row, without any answer in between, after which the destination counts as away.
const FAILURES_TO_HOLD: u32 = 5;

/// Times that one event may fail to connect although others got through, before that counts as its attempt.
const LONE_FAILURES: u32 = 3;

const FIRST_PROBE: Duration = Duration::from_secs(1);
const LAST_PROBE: Duration = Duration::from_secs(30);

/// How long waiting events are kept when a hold begins. Most holds are shorter, and cost no second delivery then.
const KEEP_FOR: Duration = Duration::from_secs(30);

/// Batches that stay for the whole of a hold. One would not do: it may hold the event that nobody ever answers.
pub const PROBERS: usize = 3;

/// How long one of them probes before it makes room for another. Each such change has the server deliver what waits once
/// more, which it counts; so they must be few.
const PROBE_FOR: Duration = Duration::from_secs(30 * 60);

/// How long what made room stays away, so that another one comes first.
const AWAY_FOR: Duration = Duration::from_secs(60);

/// Whether a route delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteState {
    /// It delivers.
    Open,
    /// Its destination is away.
    Held,
    /// Its destination is gone; only an operator brings it back.
    Disabled,
}

/// The state of one route, shared by all its deliveries.
#[derive(Debug)]
pub struct Hold {
    state: watch::Sender<RouteState>,
    counters: Mutex<Counters>,
    /// Whose turn it is to try a destination that is away; tokio's mutex is fair.
    turn: tokio::sync::Mutex<()>,
    /// For those that stay.
    probers: Semaphore,
}

/// What has come of the tries to deliver something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tries {
    /// Tries without an answer while others got one.
    lone_failures: u32,
    /// When it first probed.
    probed: Option<Instant>,
}

#[derive(Debug)]
struct Counters {
    failures: u32,
    last_answer: Option<Instant>,
    probe_wait: Duration,
    next_probe: Instant,
    /// When waiting events of the present hold go back to the bus.
    keep_until: Instant,
}

/// Leave to try a delivery.
#[derive(Debug)]
pub struct Pass<'a> {
    began: Instant,
    /// Held while this delivery is the probe.
    turn: Option<MutexGuard<'a, ()>>,
    _place: Option<SemaphorePermit<'a>>,
}

/// No leave to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPass {
    /// The route is disabled.
    Disabled,
    /// The destination has been away for a while, and another event probes it.
    GiveBack,
}

/// What follows from a failure to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Wait, and try the same event again; nothing is counted.
    Wait(Duration),
    /// The destination answers others: this was an attempt of this event.
    Counts,
    /// Let another event probe, and come again after this time; nothing is counted.
    MakeRoom(Duration),
}

impl Hold {
    /// An open route.
    pub fn new() -> Self {
        Self {
            state: watch::Sender::new(RouteState::Open),
            counters: Mutex::new(Counters {
                failures: 0,
                last_answer: None,
                probe_wait: FIRST_PROBE,
                next_probe: Instant::now(),
                keep_until: Instant::now(),
            }),
            turn: tokio::sync::Mutex::new(()),
            probers: Semaphore::new(PROBERS),
        }
    }

    /// The present state, and every change of it.
    pub fn watch(&self) -> watch::Receiver<RouteState> {
        self.state.subscribe()
    }

    /// The present state.
    pub fn state(&self) -> RouteState {
        *self.state.borrow()
    }

    /// Waits until a delivery may be tried.
    pub async fn enter(&self) -> Result<Pass<'_>, NoPass> {
        let mut state = self.watch();
        let mut place = None;
        loop {
            match *state.borrow_and_update() {
                RouteState::Open => {
                    return Ok(Pass { began: Instant::now(), turn: None, _place: None });
                }
                RouteState::Disabled => return Err(NoPass::Disabled),
                RouteState::Held => {}
            }
            let keep_until = self.lock().keep_until;
            let turn = tokio::select! {
                biased;
                _ = state.changed() => continue,
                turn = self.turn.lock() => turn,
                () = sleep_until(keep_until), if place.is_none() => {
                    place = Some(self.probers.try_acquire().map_err(|_| NoPass::GiveBack)?);
                    continue;
                }
            };
            let due = self.lock().next_probe;
            tokio::select! {
                biased;
                _ = state.changed() => {}
                () = sleep_until(due) => {
                    return Ok(Pass { began: Instant::now(), turn: Some(turn), _place: place });
                }
            }
        }
    }

    /// The destination answered, whatever it said. Returns whether that ended a hold.
    pub fn answered(&self) -> bool {
        let mut counters = self.lock();
        counters.failures = 0;
        counters.last_answer = Some(Instant::now());
        counters.probe_wait = FIRST_PROBE;
        drop(counters);
        self.state.send_if_modified(|state| {
            let held = *state == RouteState::Held;
            if held {
                *state = RouteState::Open;
            }
            held
        })
    }

    /// No answer. `tries` are those of what was tried.
    pub fn unanswered(&self, pass: &Pass<'_>, tries: &mut Tries) -> Unreachable {
        let mut counters = self.lock();
        if counters.last_answer.is_some_and(|time| time > pass.began) {
            tries.lone_failures += 1;
            if tries.lone_failures >= LONE_FAILURES {
                return Unreachable::Counts;
            }
        }
        counters.failures = counters.failures.saturating_add(1);
        let now = Instant::now();
        if self.state() == RouteState::Held {
            // What was under way when the hold began says nothing new.
            if pass.is_probe() {
                counters.probe_wait = (counters.probe_wait * 2).min(LAST_PROBE);
                counters.next_probe = now + counters.probe_wait;
                if now >= *tries.probed.get_or_insert(now) + PROBE_FOR {
                    return Unreachable::MakeRoom(AWAY_FOR);
                }
            }
            return Unreachable::Wait(Duration::ZERO);
        }
        if counters.failures < FAILURES_TO_HOLD {
            return Unreachable::Wait(Duration::from_millis(100) * counters.failures);
        }
        counters.probe_wait = FIRST_PROBE;
        counters.next_probe = now + FIRST_PROBE;
        counters.keep_until = now + KEEP_FOR;
        drop(counters);
        self.state.send_if_modified(|state| {
            let open = *state == RouteState::Open;
            if open {
                *state = RouteState::Held;
            }
            open
        });
        Unreachable::Wait(Duration::ZERO)
    }

    /// The destination is gone for good.
    pub fn disable(&self) {
        self.state.send_replace(RouteState::Disabled);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Whether this delivery finds out if the destination is back.
    pub fn is_probe(&self) -> bool {
        self.turn.is_some()
    }

    /// The delivery begins only now.
    pub fn begin(&mut self) {
        self.began = Instant::now();
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use futures_util::stream::FuturesUnordered;

    use super::*;

    async fn fail(hold: &Hold) -> Unreachable {
        let pass = hold.enter().await.unwrap();
        hold.unanswered(&pass, &mut Tries::default())
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_hold_and_one_answer_opens() {
        let hold = Hold::new();
        for _ in 0..5 {
            assert_eq!(hold.state(), RouteState::Open);
            fail(&hold).await;
        }
        assert_eq!(hold.state(), RouteState::Held);
        assert!(hold.answered());
        assert_eq!(hold.state(), RouteState::Open);
        assert!(!hold.answered());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_between_starts_the_count_again() {
        let hold = Hold::new();
        for _ in 0..4 {
            fail(&hold).await;
        }
        hold.answered();
        for _ in 0..4 {
            fail(&hold).await;
        }
        assert_eq!(hold.state(), RouteState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn probes_come_ever_later_up_to_half_a_minute() {
        let hold = Hold::new();
        for _ in 0..5 {
            fail(&hold).await;
        }
        let mut waits = Vec::new();
        for _ in 0..7 {
            let before = Instant::now();
            fail(&hold).await;
            waits.push(before.elapsed().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_events_take_turns_at_probing() {
        let hold = Hold::new();
        for _ in 0..5 {
            fail(&hold).await;
        }
        let first = hold.enter().await.unwrap();
        // A few others stay and wait for their turn; the rest goes back to the bus after a while.
        let began = Instant::now();
        let mut others: FuturesUnordered<_> = (0..10).map(|_| hold.enter()).collect();
        for _ in 0..10 - PROBERS {
            assert_eq!(others.next().await.unwrap().err(), Some(NoPass::GiveBack));
        }
        assert!((20..=30).contains(&began.elapsed().as_secs()));
        hold.unanswered(&first, &mut Tries::default());
        drop(first);
        for _ in 0..PROBERS {
            let pass = others.next().await.unwrap().unwrap();
            assert!(pass.is_probe());
            hold.unanswered(&pass, &mut Tries::default());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_probes_for_long_makes_room_for_another() {
        let hold = Hold::new();
        for _ in 0..5 {
            fail(&hold).await;
        }
        let (began, mut tries) = (Instant::now(), Tries::default());
        loop {
            let pass = hold.enter().await.unwrap();
            if hold.unanswered(&pass, &mut tries) == Unreachable::MakeRoom(AWAY_FOR) {
                break;
            }
        }
        assert_eq!(began.elapsed().as_secs() / 60, 30);
        assert_eq!(hold.state(), RouteState::Held);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_under_way_when_the_hold_began_does_not_delay_the_first_probe() {
        let hold = Hold::new();
        let mut passes = Vec::new();
        for _ in 0..256 {
            passes.push(hold.enter().await.unwrap());
        }
        for pass in &passes {
            hold.unanswered(pass, &mut Tries::default());
        }
        let began = Instant::now();
        assert!(hold.enter().await.unwrap().is_probe());
        assert_eq!(began.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_fails_alone_uses_up_its_own_attempts() {
        let hold = Hold::new();
        let mut tries = Tries::default();
        let mut verdicts = Vec::new();
        for _ in 0..3 {
            let pass = hold.enter().await.unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
            hold.answered();
            verdicts.push(hold.unanswered(&pass, &mut tries));
        }
        assert_eq!(verdicts[2], Unreachable::Counts);
        assert!(!verdicts[..2].contains(&Unreachable::Counts));
        assert_eq!(hold.state(), RouteState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_disabled_route_lets_nothing_pass() {
        let hold = Hold::new();
        hold.disable();
        assert!(hold.enter().await.is_err());
    }
}
