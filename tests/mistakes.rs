//! Mistakes seen in other projects, and the test that holds our answer to each.
//!
//! | # | mistake | test |
//! | --- | --- | --- |
//! | 1 | the clone of a ready service is called, which is not ready | `readiness::a_concurrency_limit_inside_is_respected_and_given_back` |
//! | 2 | a 401 without a challenge | `rfc6750::every_401_comes_with_a_challenge` |
//! | 3 | challenge parameters without commas | `rfc6750::every_challenge_is_read_back_by_another_parser` |
//! | 4 | wrong pairs of status and error code | `rfc6750::every_rejection_has_the_status_and_the_code_of_the_rfc` |
//! | 5 | any failure of the validator is a 401 | `rfc6750::a_failing_store_is_503_and_never_401` |
//! | 6 | optional login lets bad credentials through | `rfc6750::optional_lets_missing_credentials_through_and_no_others` |
//! | 7 | a rejection is an error of the service | `rfc6750::a_rejection_is_no_error_and_an_error_is_no_rejection` |
//! | 8 | an error that says nothing | `rfc6749_answers::a_refusal_carries_its_reason_in_the_extensions` |
//! | 9 | the store's error text is sent to the client | `rfc6749_answers::a_failing_user_store_is_temporarily_unavailable` |
//! | 10 | the client chooses its scopes | `token_authenticate::a_client_cannot_ask_for_more_than_the_authenticator_allows` |
//! | 12 | a README that is ahead of the code | `examples::the_server_logs_in_with_curl_as_the_readme_says` |
//! | 13 | a refresh token is spent before the scope is checked | `rfc6749_refresh::a_wrong_scope_is_refused_before_the_refresh_token_is_spent` |
//! | 14 | a race is taken for a theft | `refresh_race::of_64_refreshes_at_once_inside_the_window_all_get_one_pair` |
//! | 15 | a store in memory that only grows | `store::of_a_million_tokens_issued_one_after_another_only_the_live_ones_stay` |
//! | 17 | a revocation does not show through the cache, or a failure stays in it | `cached::an_answer_from_before_a_revocation_does_not_count` |
//! | 18 | no decoy hash, or not for every account | `rfc6749_answers::whatever_is_wrong_with_the_credentials_the_work_is_the_same` |
//! | 19 | a request that sleeps to hide its time | `pool::whoever_comes_after_the_last_place_is_told_so_at_once` |
//! | 20 | hashing on an async worker | `pool::the_async_worker_is_free_while_a_job_is_at_work` |
//! | 21 | the cost of a stored hash is trusted | `bcrypt::a_hash_above_the_cap_is_refused_before_any_work` |
//! | 22 | passwords are cut at 72 bytes or at a NUL | `bcrypt::a_password_of_73_bytes_is_refused_and_not_cut` |
//! | 23 | headers are cloned for each request | `allocations::a_bearer_hit_allocates_no_more_than_putting_the_user_into_the_extensions` |
//! | 24 | tokens and passwords in `Debug` output | `token_debug::debug_shows_no_password_and_no_token` |
//! | 25 | paths are compared by their beginning | `token_layer::every_other_path_belongs_to_the_inner_service` |
//! | 26 | a lock that stays poisoned | `pool::a_job_that_panics_costs_the_pool_nothing` |
//! | 27 | a framework is pulled in to build a response | `mistakes::the_default_build_depends_on_no_framework` |
//! | 28 | OAuth errors in the framework's words | `rfc6749_body::any_other_media_type_is_an_invalid_request` |
//! | 29 | plain HTTP 401 to a gRPC client | `grpc::a_bad_token_is_unauthenticated_and_the_challenge_is_metadata` |
//! | 30 | one version of tonic in the public API | `mistakes::the_default_build_depends_on_no_framework` |
//!
//! The numbers that are missing are about what this crate has not.

use std::{fs, path::Path};

fn read(path: &Path) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// All test code of the crate.
fn tests_below(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&read(&path));
        }
    }
}

#[test]
fn every_row_of_the_table_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    tests_below(&root.join("tests"), &mut code);
    tests_below(&root.join("src"), &mut code);

    let table = include_str!("mistakes.rs");
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").nth(2));
    let named: Vec<_> = rows.filter(|cell| cell.starts_with('`')).collect();
    assert_eq!(named.len(), 28);
    for cell in named {
        let path = cell.trim_end_matches(" |").trim_matches('`');
        let (_module, name) = path.rsplit_once("::").unwrap();
        assert!(
            code.contains(&format!("fn {name}()")),
            "there is no test {name}"
        );
    }
}

#[test]
fn the_default_build_depends_on_no_framework() {
    let manifest = read(Path::new("Cargo.toml"));
    let (_, rest) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (dependencies, _) = rest.split_once("\n[").unwrap();
    let lines = dependencies
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let required = lines.filter(|line| !line.contains("optional = true"));
    let names: Vec<_> = required
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let expected = [
        "base64",
        "bcrypt",
        "bytes",
        "crossbeam-utils",
        "dashmap",
        "ecow",
        "foldhash",
        "futures-channel",
        "futures-util",
        "getrandom",
        "hashbrown",
        "hkdf",
        "http",
        "http-body",
        "http-body-util",
        "papaya",
        "pin-project-lite",
        "sha2",
        "subtle",
        "tower-layer",
        "tower-service",
        "zeroize",
    ];
    assert_eq!(names, expected);
}
