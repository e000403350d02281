//! RFC 6749 §4.3.2: what 10,000 guesses come to, and what they cost the account's owner.
//! `cargo test --test suite guessing -- --nocapture` prints the figures.

use std::{net::IpAddr, time::Duration};

use http::HeaderName;
use tower_oauth2_password::{
    model::Clock,
    throttle::{MemoryThrottle, forwarded_for},
};

use crate::support::{Answer, Counting, Flow, LOGIN, flow, send, token_request};

const WRONG: &str = "grant_type=password&username=meera&password=guess";
const GUESSES: u32 = 10_000;

struct Attack {
    flow: Flow,
    clock: Clock,
    hasher: Counting,
    owners: u8,
    /// How long each owner waited, in seconds.
    waits: Vec<u64>,
}

impl Attack {
    fn new() -> Self {
        let (flow, clock) = flow();
        let hasher = Counting::default();
        let throttle = MemoryThrottle::new().with_clock(clock.clone());
        let flow = flow.with_hasher(hasher.clone()).with_throttle(throttle);
        let flow = flow.with_source(|head| -> Option<IpAddr> {
            forwarded_for(
                &head.headers,
                &HeaderName::from_static("x-forwarded-for"),
                1,
            )
        });
        Self {
            flow,
            clock,
            hasher,
            owners: 0,
            waits: Vec::new(),
        }
    }

    async fn post(&self, source: &str, form: &'static str) -> Answer {
        let mut request = token_request(form);
        let source = source.parse().unwrap();
        request.headers_mut().insert("x-forwarded-for", source);
        send(self.flow.token_service(), request).await
    }

    /// So many guesses at once in each second, from `sources` in turn, until all are made. Every
    /// hundred seconds the owner comes, from a place where nobody has been.
    async fn run(&mut self, sources: u32, in_a_second: u32) {
        let mut owner: Option<Owner> = None;
        for second in 0..GUESSES / in_a_second {
            if second % 100 == 0 && owner.is_none() {
                self.owners += 1;
                owner = Some(Owner::new(self.owners));
            }
            // The owner is the last in each second: the worst place.
            for number in 0..in_a_second {
                let source = (second * in_a_second + number) % sources;
                let answer = self.post(&format!("192.0.2.{source}"), WRONG).await;
                assert!(matches!(answer.status.as_u16(), 400 | 429), "{answer:?}");
            }
            self.let_in(&mut owner).await;
            self.clock.advance(Duration::from_secs(1));
        }
        // Whoever still waits when the guesses are over.
        while owner.is_some() {
            self.let_in(&mut owner).await;
            self.clock.advance(Duration::from_secs(1));
        }
    }

    async fn let_in(&mut self, owner: &mut Option<Owner>) {
        let Some(waiting) = owner else { return };
        if waiting.asks_in > 0 {
            waiting.asks_in -= 1;
            waiting.waited += 1;
        }
        if waiting.asks_in > 0 {
            return;
        }
        let answer = self.post(&waiting.source, LOGIN).await;
        match answer.status.as_u16() {
            200 => {
                self.waits.push(waiting.waited);
                *owner = None;
            }
            429 => waiting.asks_in = answer.header("retry-after").unwrap().parse().unwrap(),
            _ => panic!("{answer:?}"),
        }
    }

    /// Hashed guesses and the longest wait of an owner, printed.
    fn report(&self, what: &str) -> (usize, u64) {
        let hashed = self.hasher.hashes_made() - self.waits.len();
        let longest = self.waits.iter().max().copied().unwrap();
        println!(
            "guessing: {what}: {GUESSES} guesses, {hashed} hashed; {} owners waited {:?} s, the \
             longest {longest} s",
            self.waits.len(),
            self.waits,
        );
        (hashed, longest)
    }
}

/// Comes with the right password, waits as long as told, and comes again.
struct Owner {
    source: String,
    asks_in: u64,
    waited: u64,
}

impl Owner {
    fn new(number: u8) -> Self {
        Self {
            source: format!("198.51.100.{number}"),
            asks_in: 0,
            waited: 0,
        }
    }
}

/// OWASP ASVS 6.3.1: from one place a guesser gets through a handful, and the owner waits for
/// nothing.
#[tokio::test]
async fn ten_thousand_guesses_from_one_place() {
    let mut attack = Attack::new();
    attack.run(1, GUESSES).await;
    let (hashed, longest) = attack.report("one source, all in one second");
    assert_eq!((hashed, longest), (6, 0));

    let mut attack = Attack::new();
    attack.run(1, 10).await;
    let (hashed, longest) = attack.report("one source, ten a second");
    assert!(hashed <= 16, "{hashed}");
    assert_eq!(longest, 0);
}

/// From many places each gets through a handful, and the owner waits for seconds: no lock-out.
#[tokio::test]
async fn ten_thousand_guesses_from_two_hundred_places() {
    let mut attack = Attack::new();
    attack.run(200, GUESSES).await;
    let (hashed, longest) = attack.report("200 sources, all in one second");
    assert!(hashed <= 30, "{hashed}");
    assert!(longest <= 10, "{longest} s");

    let mut attack = Attack::new();
    attack.run(200, 10).await;
    let (hashed, longest) = attack.report("200 sources, ten a second");
    assert!(hashed <= 200 * 16, "{hashed}");
    assert!(longest <= 10, "{longest} s");
}
