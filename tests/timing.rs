//! Measurements to be read by a person: a shared machine is no judge of milliseconds.

use std::time::{Duration, Instant};

use http::StatusCode;
use tower_oauth2_password::{MemoryTokens, MemoryUsers, PasswordFlow, password::Bcrypt};

use crate::support::{User, send, token_request};

const TRIES: usize = 40;

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let middle = times.len() / 2;
    (times[middle - 1] + times[middle]).as_secs_f64() / 2.0 * 1_000.0
}

/// OWASP ASVS 6.3.8: the time of a refusal does not tell whether there is such an account.
#[tokio::test]
#[ignore = "prints a timing; run by hand"]
async fn unknown_user_and_wrong_password_take_the_same_time() {
    let ten = Bcrypt::new(10).unwrap();
    let users = MemoryUsers::new()
        .with_hasher(ten.clone())
        .with_user("meera", "secret123", User::new("Meera"))
        .unwrap();
    let flow = PasswordFlow::new(users, MemoryTokens::new()).with_hasher(ten);
    let refusal = async |username: &str| {
        let body = format!("grant_type=password&username={username}&password=guess1234");
        let start = Instant::now();
        let answer = send(flow.token_service(), token_request(body)).await;
        let time = start.elapsed();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json["error"], "invalid_grant");
        time
    };
    refusal("meera").await;
    refusal("arjun").await;

    let mut wrong_password = Vec::with_capacity(TRIES);
    let mut unknown_user = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        wrong_password.push(refusal("meera").await);
        unknown_user.push(refusal("arjun").await);
    }

    let (wrong_password, unknown_user) = (median(wrong_password), median(unknown_user));
    let difference = (unknown_user / wrong_password - 1.0) * 100.0;
    println!(
        "wrong password {wrong_password:.3} ms, unknown user {unknown_user:.3} ms: {difference:+.2} %"
    );
}
