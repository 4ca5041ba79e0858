//! 100,000 histories of responses: a lane with a clock of its own is worked off as the pump does it, its destination answers whatever comes to
//! mind, and what must hold is judged from the answers alone.
//!
//! Each history is made from a number, which a failure names; it ends with a destination that answers 200, which then has to get
//! everything that was not given up.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use jiff::tz::TimeZone;

use super::{breaker::PROBE_MS_MAX, *};
use crate::{
    deliver::{
        fake,
        retry::{Retry, Waits},
        settle::{Answer, verdict},
    },
    event::Random,
    journal::{Delivery, Opened, Verdict},
    net::{Class, Response, SendError},
};

const HISTORIES: usize = 100_000;
const STEPS: u32 = 30;
/// Far more than it takes to end one.
const STEPS_TO_THE_END_MAX: u32 = 2_000;
/// The most that one claim asks for.
const CLAIM_MAX: usize = 16;
const START: Timestamp = Timestamp(1_790_000_000_000);

#[test]
fn whatever_a_destination_answers_its_pace_holds() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let seen = std::thread::scope(|scope| {
        let play = |thread| {
            let mut delivery = fake::delivery("crm", 1);
            (thread..HISTORIES).step_by(threads).map(|number| History::new(number as u64).play(&mut delivery)).sum::<Seen>()
        };
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || play(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("all of it holds")).sum::<Seen>()
    });
    // What is judged did come to pass, and not once or twice.
    let Seen { attempts, put_off, gone, held, opened, closed, rate_limited, too_long } = seen;
    assert!(attempts > 3 * HISTORIES, "{seen:?}");
    for count in [put_off, gone, held, opened, closed, rate_limited, too_long] {
        assert!(count > HISTORIES / 100, "{seen:?}");
    }
}

/// What came to pass.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    attempts: usize,
    put_off: usize,
    gone: usize,
    held: usize,
    opened: usize,
    closed: usize,
    rate_limited: usize,
    too_long: usize,
}

impl std::iter::Sum for Seen {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            attempts: sum.attempts + one.attempts,
            put_off: sum.put_off + one.put_off,
            gone: sum.gone + one.gone,
            held: sum.held + one.held,
            opened: sum.opened + one.opened,
            closed: sum.closed + one.closed,
            rate_limited: sum.rate_limited + one.rate_limited,
            too_long: sum.too_long + one.too_long,
        })
    }
}

impl Random {
    fn small(&mut self, low: u32, high: u32) -> u32 {
        u32::try_from(self.within(low.into(), high.into())).expect("it is within two of them")
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.index(all.len())]
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A lane, its deliveries, and what its destination has said.
struct History {
    number: u64,
    random: Random,
    now: Timestamp,
    retry: Retry,
    policy: Policy,
    pace: Pace,
    parcels: Vec<Parcel>,
    claimed: Vec<Claimed>,
    under_way: Vec<Try>,
    /// The claims that were used, for the rate.
    used: Vec<Timestamp>,
    /// Judged from the answers alone.
    gone: bool,
    held_until: Timestamp,
    /// In a row, of attempts that began and ended in this period.
    failures: u32,
    /// The breaker was closed, or open, all the time.
    period: u32,
    seen: Seen,
}

struct Parcel {
    created_at: Timestamp,
    /// `None`: settled.
    due_at: Option<Timestamp>,
    /// That ended.
    attempts: u32,
    not_before: Timestamp,
    handed_out: bool,
}

struct Claimed {
    parcel: usize,
    at: Timestamp,
}

struct Try {
    parcel: usize,
    leave: Leave,
    began: Timestamp,
    period: u32,
    /// Which opening it probes.
    probes: Option<Opened>,
}

impl History {
    fn new(number: u64) -> Self {
        let mut random = Random(number);
        let (retry, policy) = (a_retry(&mut random), a_policy(&mut random));
        let parcels = (0..random.within(1, 5)).map(|n| Parcel {
            created_at: START,
            due_at: Some(START.plus_ms(n)),
            attempts: 0,
            not_before: START,
            handed_out: false,
        });
        let parcels = parcels.collect();
        Self {
            number,
            random,
            now: START,
            retry,
            policy,
            pace: Pace::default(),
            parcels,
            claimed: Vec::new(),
            under_way: Vec::new(),
            used: Vec::new(),
            gone: false,
            held_until: START,
            failures: 0,
            period: 0,
            seen: Seen::default(),
        }
    }

    fn play(mut self, delivery: &mut Delivery) -> Seen {
        for _ in 0..STEPS {
            match self.random.within(0, 9) {
                0..=2 => self.claim(),
                3..=5 => self.begin(),
                6..=7 => {
                    let (answer, asked) = self.an_answer();
                    self.end(delivery, &answer, asked);
                }
                8 => self.pass_time(),
                _ if self.random.one_in(4) => self.enable(),
                _ if self.random.one_in(4) => self.restart(),
                _ => self.pass_time(),
            }
        }
        self.come_to_an_end(delivery);
        self.seen
    }

    fn claim(&mut self) {
        let places = match self.pace.places(&self.policy, self.now) {
            Ok(places) => places,
            Err(pause) => return self.wait(pause),
        };
        self.holds(places <= self.policy.concurrency, "no more places than the concurrency");
        let max = places.saturating_sub(self.claimed.len() + self.under_way.len()).min(CLAIM_MAX);
        if max == 0 {
            return;
        }
        self.pace.claim(max, self.now);
        let mut due: Vec<(Timestamp, usize)> = Vec::new();
        for (index, parcel) in self.parcels.iter().enumerate().filter(|(_, parcel)| !parcel.handed_out) {
            due.extend(parcel.due_at.filter(|due_at| *due_at <= self.now).map(|due_at| (due_at, index)));
        }
        due.sort_unstable();
        due.truncate(max);
        self.pace.claimed(due.len(), max);
        for (_, parcel) in due {
            self.parcels[parcel].handed_out = true;
            self.claimed.push(Claimed { parcel, at: self.now });
        }
    }

    /// Sometimes to the moment, sometimes just not.
    fn wait(&mut self, pause: Pause) {
        self.holds(pause.ms > 0, "a pause has an end ahead");
        self.seen.rate_limited += usize::from(pause.why == Why::Rate);
        let ms = if self.random.one_in(3) { pause.ms - 1 } else { pause.ms };
        self.now = self.now.plus_ms(ms);
    }

    fn begin(&mut self) {
        if self.claimed.is_empty() {
            return;
        }
        let Claimed { parcel, at } = self.claimed.remove(self.random.index(self.claimed.len()));
        match self.pace.begin(&self.policy, self.now) {
            Ok(leave) => {
                let probes = self.pace.facts().opened;
                self.judge_beginning(parcel, probes, at);
                self.under_way.push(Try { parcel, leave, began: self.now, period: self.period, probes });
            }
            Err(pause) => {
                self.seen.put_off += 1;
                self.parcels[parcel].due_at = Some(self.now.plus_ms(pause.ms));
                self.parcels[parcel].handed_out = false;
            }
        }
    }

    fn judge_beginning(&mut self, parcel: usize, opened: Option<Opened>, claimed_at: Timestamp) {
        let not_before = self.parcels[parcel].not_before;
        self.holds(!self.gone, "no attempt after 410");
        self.holds(self.now >= not_before, "no attempt before its Retry-After");
        self.holds(self.now >= self.held_until, "no attempt before the Retry-After of another");
        self.holds(self.under_way.len() < self.policy.concurrency, "no more at once than the concurrency");
        self.holds(self.parcels[parcel].attempts < self.retry.attempts_max, "no more attempts than there may be");
        if let Some(opened) = opened {
            self.holds(self.now >= opened.until, "no attempt while the breaker is open");
            let probes = self.under_way.iter().filter(|other| other.probes.is_some_and(|of| of.since == opened.since));
            let lost = |other: &Try| other.began.plus_ms(PROBE_MS_MAX) <= self.now;
            self.holds(probes.clone().all(lost), "no two probes at once");
        }
        self.used.push(claimed_at);
        for (rate, length_ms) in [(self.policy.rate.per_second, 1_000), (self.policy.rate.per_minute, 60_000)] {
            let within = self.used.iter().filter(|at| claimed_at.ms_since(**at) < length_ms && **at <= claimed_at).count();
            self.holds(rate.is_none_or(|rate| within <= 2 * rate as usize), "no more than the rate");
        }
    }

    /// `asked`: when its `Retry-After` ends.
    fn end(&mut self, delivery: &mut Delivery, answer: &Answer, asked: Option<Timestamp>) {
        if self.under_way.is_empty() {
            return;
        }
        let ended = self.under_way.remove(self.random.index(self.under_way.len()));
        let parcel = &mut self.parcels[ended.parcel];
        parcel.attempts += 1;
        self.seen.attempts += 1;
        parcel.handed_out = false;
        (delivery.attempt, delivery.created_at) = (parcel.attempts, parcel.created_at);
        let verdict = verdict(delivery, &self.retry, answer, self.now, self.random.part());
        parcel.due_at = if let Verdict::RetryAt(at) = verdict { Some(at) } else { None };
        parcel.not_before = parcel.not_before.max(asked.unwrap_or_default());
        self.seen.too_long += usize::from(matches!(&verdict, Verdict::Dead(failure) if failure.code == "retry-after-too-long"));
        let (attempts, deadline) = (parcel.attempts, parcel.created_at.plus_ms(self.retry.age_ms_max));
        self.judge_verdict(&verdict, answer, attempts, deadline, asked);

        let (opened, heard) = (self.pace.facts().opened, Heard::of(answer, self.now));
        self.pace.end(ended.leave, heard, &self.policy, self.now);
        self.hear(answer, asked);
        self.judge_breaker(&ended, opened, heard);
        self.holds((1..=self.policy.concurrency).contains(&self.pace.limit(&self.policy)), "at least one, at most all places");
    }

    /// What has to be remembered of an answer.
    fn hear(&mut self, answer: &Answer, asked: Option<Timestamp>) {
        let Ok(response) = answer else { return };
        self.seen.gone += usize::from(response.status == StatusCode::GONE);
        self.seen.held += usize::from(asked.is_some());
        self.gone |= response.status == StatusCode::GONE;
        if matches!(response.status.as_u16(), 429 | 503) {
            let held_until = asked.unwrap_or_default().min(self.now.plus_ms(HOLD_MS_MAX));
            self.held_until = self.held_until.max(held_until);
        }
    }

    fn judge_verdict(&self, verdict: &Verdict, answer: &Answer, attempts: u32, deadline: Timestamp, asked: Option<Timestamp>) {
        let well = answer.as_ref().is_ok_and(|response| response.status.is_success());
        self.holds(well == matches!(verdict, Verdict::Delivered), "2xx delivers, and nothing else");
        let asked = asked.unwrap_or_default();
        match verdict {
            Verdict::RetryAt(at) => {
                self.holds(attempts < self.retry.attempts_max && self.now < deadline, "it ends by attempts and by age");
                self.holds(*at <= deadline && *at >= asked, "within the age, and never before Retry-After");
                let (least, most) = formula(&self.retry.waits, attempts);
                let (least, most) = (self.now.plus_ms(least).min(deadline), self.now.plus_ms(most).min(deadline));
                self.holds((least.max(asked)..=most.max(asked)).contains(at), "jitter within its formula");
            }
            Verdict::Dead(failure) => {
                let expected = match failure.code.as_str() {
                    "gone" => answer.as_ref().is_ok_and(|response| response.status == StatusCode::GONE),
                    "address-forbidden" => answer.is_err(),
                    "attempts-exhausted" => attempts == self.retry.attempts_max,
                    "too-old" => self.now >= deadline,
                    "retry-after-too-long" => asked > deadline,
                    _ => false,
                };
                self.holds(expected, "given up for what it says");
            }
            Verdict::Delivered | Verdict::PassedOn(_) | Verdict::Awaiting(_) => {}
        }
    }

    /// In histories whose breaker counts failures in a row only, it is open exactly when there were so many.
    fn judge_breaker(&mut self, ended: &Try, before: Option<Opened>, heard: Heard) {
        let Some(breaker) = self.policy.breaker else { return };
        let after = self.pace.facts().opened;
        match (before, after) {
            (Some(_), None) => self.holds(ended.probes == before && heard.well == Some(true), "only its probe closes it"),
            (before, Some(after)) if before != Some(after) => {
                self.holds(ended.probes == before && heard.well == Some(false), "only a failure opens it, or its probe's");
                let probes = before.map_or(0, |before| before.probes + 1);
                let open_ms = (breaker.open_ms << probes.min(20)).min(breaker.open_ms_max);
                self.holds(
                    after.probes == probes && after.until == self.now.plus_ms(open_ms),
                    "open for as long as the settings say",
                );
            }
            _ => {}
        }
        if before.is_none() && ended.period == self.period && breaker.attempts_min == u32::MAX {
            self.failures = match heard.well {
                Some(well) if well => 0,
                well => self.failures + u32::from(well.is_some()),
            };
            self.holds(after.is_some() == (self.failures >= breaker.failures), "it opens after so many failures in a row");
        }
        self.seen.opened += usize::from(before.is_none() && after.is_some());
        self.seen.closed += usize::from(before.is_some() && after.is_none());
        if before.is_some() != after.is_some() {
            (self.failures, self.period) = (0, self.period + 1);
        }
    }

    fn pass_time(&mut self) {
        let most = self.random.one_of(&[50, 2_000, 60_000, 4_000_000]);
        self.now = self.now.plus_ms(self.random.within(0, most));
    }

    fn enable(&mut self) {
        self.pace.enable();
        (self.gone, self.held_until, self.failures, self.period) = (false, START, 0, self.period + 1);
        self.holds(self.pace.facts().is_empty(), "nothing is left of what was in the way");
    }

    /// What was under way is lost, and was not counted.
    fn restart(&mut self) {
        self.pace = Pace::resume(self.pace.facts());
        (self.claimed, self.under_way, self.used, self.failures) = (Vec::new(), Vec::new(), Vec::new(), 0);
        self.parcels.iter_mut().for_each(|parcel| parcel.handed_out = false);
    }

    /// From now on it answers 200.
    fn come_to_an_end(&mut self, delivery: &mut Delivery) {
        if self.gone {
            self.enable();
        }
        for _ in 0..STEPS_TO_THE_END_MAX {
            let Some(next_due) = self.parcels.iter().filter_map(|parcel| parcel.due_at).min() else { return };
            if !self.under_way.is_empty() {
                self.end(delivery, &answered(StatusCode::OK, None), None);
            } else if !self.claimed.is_empty() {
                self.begin();
            } else {
                self.now = self.now.max(next_due);
                self.claim();
            }
        }
        self.holds(false, "what is not given up is delivered in the end");
    }

    /// An answer, and when its `Retry-After` ends.
    fn an_answer(&mut self) -> (Answer, Option<Timestamp>) {
        const CLASSES: [Class; 6] = [Class::Dns, Class::Connect, Class::Tls, Class::Timeout, Class::Forbidden, Class::Protocol];
        const STATUSES: [u16; 14] = [200, 204, 301, 400, 410, 422, 429, 429, 500, 502, 503, 503, 504, 500];
        // Some histories are of destinations that only fail, or hardly ever do.
        let status = match self.number % 4 {
            0 if self.random.one_in(2) => 200,
            1 if self.random.one_in(2) => 500,
            _ if self.random.one_in(6) => {
                let class = self.random.one_of(&CLASSES);
                return (Err(SendError { class, message: String::new(), source: None }), None);
            }
            _ => self.random.one_of(&STATUSES),
        };
        let status = StatusCode::from_u16(status).expect("a status");
        if status.is_success() || self.random.one_in(2) {
            return (answered(status, None), None);
        }
        let secs = if self.random.one_in(10) { self.random.within(0, 1_000_000) } else { self.random.within(0, 90) };
        let (text, at) = self.written(secs);
        (answered(status, Some(&text)), Some(at))
    }

    /// A `Retry-After` in one of its forms.
    fn written(&mut self, secs: u64) -> (String, Timestamp) {
        let form = match self.random.within(0, 5) {
            0 => "%a, %d %b %Y %H:%M:%S GMT",
            1 => "%A, %d-%b-%y %H:%M:%S GMT",
            2 => "%a %b %e %H:%M:%S %Y",
            _ => return (secs.to_string(), self.now.plus_ms(secs * 1000)),
        };
        let at = self.now.secs() + secs;
        let date = jiff::Timestamp::from_second(i64::try_from(at).expect("of this age")).expect("a time");
        (date.to_zoned(TimeZone::UTC).strftime(form).to_string(), Timestamp(at * 1000))
    }

    #[track_caller]
    fn holds(&self, it_does: bool, what: &str) {
        assert!(it_does, "history {}, {} ms after its start: {what}", self.number, self.now.ms_since(START));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length of time, rounded down")]
/// The least and the most that is waited after the `attempt`-th failure, as the documentation has it.
fn formula(waits: &Waits, attempt: u32) -> (u64, u64) {
    match waits {
        Waits::Growing { first_ms, max_ms, factor } => {
            let most = (1..attempt).fold(*first_ms as f64, |bound, _| bound * factor).min(*max_ms as f64) as u64;
            (most.min(1_000), most)
        }
        Waits::Listed(waits) => {
            let wait = waits[(attempt as usize).min(waits.len()) - 1];
            (wait, wait + wait / 10)
        }
    }
}

fn answered(status: StatusCode, retry_after: Option<&str>) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some(text) = retry_after {
        headers.insert(RETRY_AFTER, text.parse().expect("a header's value"));
    }
    Ok(Response { status, headers, body: Bytes::new() })
}

fn a_retry(random: &mut Random) -> Retry {
    let waits = if random.one_in(3) {
        Waits::Listed((0..random.within(1, 4)).map(|_| random.within(100, 100_000)).collect())
    } else {
        let first_ms = random.within(100, 10_000);
        let (max_ms, factor) = (first_ms + random.within(0, 300_000), random.one_of(&[1.0, 1.5, 2.0, 3.0]));
        Waits::Growing { first_ms, max_ms, factor }
    };
    Retry { attempts_max: random.small(1, 8), waits, age_ms_max: random.within(10_000, 8_000_000) }
}

fn a_policy(random: &mut Random) -> Policy {
    let in_a_row_only = random.one_in(2);
    let open_ms = random.within(1_000, 60_000);
    let breaker = BreakerPolicy {
        failures: random.small(1, 4),
        ratio: 0.5,
        attempts_min: if in_a_row_only { u32::MAX } else { random.small(2, 6) },
        window_ms: random.within(10_000, 60_000),
        open_ms,
        open_ms_max: open_ms * random.within(1, 8),
    };
    let rate = |random: &mut Random, most| random.one_in(3).then(|| random.small(1, most));
    Policy {
        enabled: true,
        concurrency: random.index(4) + 1,
        breaker: (!random.one_in(4)).then_some(breaker),
        rate: RatePolicy { per_second: rate(random, 5), per_minute: rate(random, 20) },
    }
}
