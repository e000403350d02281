//! What stays of logins that are over: nothing.

use super::{Lives, families_of, has_access, id, logins, users};
use crate::{
    model::{Family, Rotated},
    store::{
        TokenStore,
        memory::{MemoryTokens, lock::READ_PARTS, record::Entry},
    },
};

/// OWASP and every long-running service: a store that only grows ends the process. 200,000 logins
/// of as many users, each refreshed once, none alive for longer than ten seconds.
#[tokio::test]
async fn of_200_000_refreshed_logins_only_the_live_ones_stay() {
    const LOGINS: u64 = 200_000;
    const PER_SECOND: u64 = 1_000;
    let lives = Lives {
        access: 5,
        refresh: 9,
        window: 2,
    };
    let tokens = MemoryTokens::new();
    let shared = &tokens.shared;
    let (mut sessions, mut families, mut subjects, mut windows) = (0, 0, 0, 0);
    for number in 0..LOGINS {
        let now = number / PER_SECOND;
        let user = format!("user-{number}");
        lives.log_in(&tokens, number, &user, now).await;
        // The one of a second ago, while its access token is good.
        if let Some(earlier) = number.checked_sub(PER_SECOND) {
            let rotated = lives.refresh(&tokens, earlier, 0, now).await;
            assert!(matches!(rotated, Rotated::Done));
        }
        sessions = sessions.max(tokens.len());
        families = families.max(logins(&tokens));
        subjects = subjects.max(users(&tokens));
        windows = windows.max(shared.windows().len());
    }
    // Two access tokens of five seconds, a family of ten, one window of two; and what a round of
    // sweeps takes (an eighth of what is held, and one for each part) can hold back.
    let bound = |live: usize| (live + READ_PARTS) * 8 / 7 + READ_PARTS;
    assert!(sessions <= bound(10_000), "{sessions} sessions");
    assert!(families <= bound(10_000), "{families} families");
    assert!(subjects <= bound(10_000), "{subjects} subjects");
    assert!(windows <= 2_000 + 16, "{windows} windows");
    assert_eq!(users(&tokens), logins(&tokens));

    // Those of the last second are all there, the first ones are gone.
    for number in LOGINS - PER_SECOND..LOGINS {
        assert!(has_access(&tokens, number, 0).await);
        let user = format!("user-{number}");
        assert_eq!(families_of(&tokens, &user).await, [id(number)].into());
    }
    for number in 0..PER_SECOND {
        assert!(tokens.find_family(id(number)).await.unwrap().is_none());
    }
}

/// The same for one user with ever new logins: the list does not grow.
#[tokio::test]
async fn the_list_of_a_user_forgets_expired_logins() {
    let tokens = MemoryTokens::new();
    let lives = Lives {
        access: 1,
        refresh: 1,
        window: 0,
    };
    let mut most = 0;
    for number in 0..20_000 {
        lives.log_in(&tokens, number, "meera", number / 100).await;
        let listed = families_of(&tokens, "meera").await.len();
        most = most.max(listed);
        assert_eq!(listed, logins(&tokens));
    }
    assert!(
        most <= (100 + READ_PARTS) * 8 / 7 + READ_PARTS,
        "{most} listed"
    );
}

/// A login that is refreshed for ever takes no more room: of its access tokens the newest stay.
#[tokio::test]
async fn a_thousand_refreshes_leave_no_more_behind_than_is_alive() {
    let lives = Lives {
        access: 100,
        refresh: 100,
        window: 10,
    };
    let tokens = MemoryTokens::new();
    lives.log_in(&tokens, 1, "meera", 0).await;
    for generation in 0..999 {
        let now = 30 * (generation + 1);
        let rotated = lives.refresh(&tokens, 1, generation, now).await;
        assert!(matches!(rotated, Rotated::Done));
        let part = tokens.shared.part(id(1)).read();
        let place = tokens.shared.place(&part, id(1)).unwrap();
        let later = |login: Entry<'_>| login.later_tokens().len();
        let remembered = tokens.shared.records.read(place, later);
        assert!(remembered.unwrap() <= Family::MAX_ACCESS_TOKENS);
        drop(part);
        assert_eq!(logins(&tokens), 1);
    }
}
