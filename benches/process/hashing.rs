//! Logins, and the hashes that they consist of for the most part.

use std::{thread, time::Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::runtime::Builder;
use tower::ServiceExt;
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::Password,
    password::{Bcrypt, PasswordHasher},
};

use crate::note::{Goal, Spread, figure};

const FORM: &str = "grant_type=password&username=meera&password=secret123";
const ROUNDS: usize = 10;
/// Of logins, and of hashes, for each core in a round.
const EACH: usize = 8;

/// Both do the same number of hashes at the default cost on all cores, in turn.
pub fn measure() {
    let cores = thread::available_parallelism().unwrap().get();
    let users = MemoryUsers::new()
        .with_user("meera", "secret123", ())
        .unwrap();
    let service = PasswordFlow::new(users, MemoryTokens::new()).token_service();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let logins = || {
        let all = (0..cores * EACH).map(|_| {
            let request = Request::post("/token")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Full::<Bytes>::from(FORM))
                .unwrap();
            service.clone().oneshot(request)
        });
        for answer in runtime.block_on(join_all(all)) {
            assert_eq!(answer.unwrap().status(), StatusCode::OK);
        }
    };
    let hasher = Bcrypt::default();
    let hash = hasher.hash(&Password::new("secret123")).unwrap();
    let tight_loop = || {
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        assert!(hasher.verify(&Password::new("secret123"), &hash).unwrap());
                    }
                });
            }
        });
    };
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        // Whoever comes first changes, should the machine get tired within a round.
        let (tight, ours) = if round % 2 == 0 {
            let tight = time(&tight_loop);
            (tight, time(&logins))
        } else {
            let ours = time(&logins);
            (time(&tight_loop), ours)
        };
        ratios.push(tight / ours);
    }
    let (row, goal) = (
        "logins, of a tight loop's hashes",
        Goal::AtLeast(0.95, 0.98),
    );
    figure(
        "ratios",
        Some(cores),
        row,
        "times",
        Spread::of(ratios),
        goal,
    );
}

fn time(work: &impl Fn()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}
