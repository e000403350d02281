//! What becomes of events with features `metrics` and `tracing`.

use metrics_exporter_prometheus::PrometheusBuilder;
use tower_oauth2_password::{MemoryClients, observe::describe_metrics, throttle::MemoryThrottle};

use crate::support::{
    LOGIN, captured_log,
    clients::{basic, clients, post_with},
    faulty::FaultyTokens,
    flow,
    logins::household,
    refresh::{call_api, first_pair, refresh},
    send, token_request,
};

const WRONG: &str = "grant_type=password&username=meera&password=guess";

/// The table in `observe`, line by line; none is counted twice, and a hit is not counted at all.
#[tokio::test]
async fn every_metric_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let guard = metrics::set_default_local_recorder(&recorder);
    describe_metrics();

    let tokens = FaultyTokens::default();
    let (flow, clock) = household(tokens.clone());
    let flow = flow
        .with_throttle(MemoryThrottle::new().with_clock(clock))
        .with_source(|_| "192.0.2.7".parse().ok());
    let pair = first_pair(&flow).await;
    refresh(&flow, &pair.refresh).await;
    refresh(&flow, &pair.refresh).await.expect_dead();
    refresh(&flow, &pair.refresh).await.expect_dead();
    let pair = first_pair(&flow).await;
    tokens.fail(&["find_access"]);
    assert_eq!(call_api(&flow, &pair.access).await.status, 503);
    tokens.fail(&[]);
    assert_eq!(call_api(&flow, "unknown").await.status, 401);
    post_with(
        flow.revocation_service(),
        &[],
        format!("token={}", pair.refresh),
    )
    .await;
    while send(flow.token_service(), token_request(WRONG))
        .await
        .status
        != 429
    {}
    let strict = flow.with_clients(MemoryClients::new(clients()));
    post_with(strict.token_service(), &[&basic("backend", "guess")], LOGIN).await;
    drop(guard);

    let text = handle.render();
    for line in [
        r#"oauth2_logins_total{outcome="ok"} 2"#,
        r#"oauth2_logins_total{outcome="wrong"} 6"#,
        r#"oauth2_refreshes_total{outcome="ok"} 1"#,
        r#"oauth2_refreshes_total{outcome="replay"} 1"#,
        r#"oauth2_refreshes_total{outcome="wrong"} 1"#,
        "oauth2_replays_total 1",
        r#"oauth2_revocations_total{reason="client"} 1"#,
        r#"oauth2_throttled_total{kind="password"} 1"#,
        r#"oauth2_client_failures_total{cause="wrong"} 1"#,
        r#"oauth2_token_refusals_total{cause="unavailable"} 1"#,
        r#"oauth2_token_refusals_total{cause="wrong"} 1"#,
        r#"oauth2_store_errors_total{store="FaultyTokens",verb="find_access"} 1"#,
        "oauth2_hashing_waiting 0",
        "oauth2_hashing_wait_seconds_count 8",
        r#"oauth2_validate_seconds_count{store="FaultyTokens"} 2"#,
        "# HELP oauth2_logins_total Password grants, by outcome",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n\n{text}");
    }
}

/// The hit path: a token that is found without waiting is not measured.
#[tokio::test]
async fn a_hit_touches_no_metric() {
    let (flow, _) = flow();
    let token = crate::support::log_in(&flow).await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let guard = metrics::set_default_local_recorder(&recorder);
    assert_eq!(call_api(&flow, &token).await.status, 200);
    drop(guard);
    assert_eq!(handle.render(), "");
}

/// The span has grant type, client and outcome, and lines in it have fields.
#[tokio::test]
async fn a_warning_stands_in_the_span_of_its_request() {
    let (flow, clock) = flow();
    let flow = flow
        .with_throttle(MemoryThrottle::new().with_clock(clock))
        .with_source(|_| "192.0.2.7".parse().ok());
    let flow = flow.with_clients(MemoryClients::new(clients()));
    let log = captured_log(async {
        for _ in 0..7 {
            send(
                flow.token_service(),
                token_request(format!("{WRONG}&client_id=phone")),
            )
            .await;
        }
    })
    .await;
    let span = r#"oauth2.token{oauth2.grant_type="password" client.address=192.0.2.7 oauth2.client_id="phone"}: "#;
    assert_eq!(log.matches(span).count(), 1, "{log}");
    for field in [
        r#"event.name="oauth2.throttled""#,
        "oauth2.client_id=phone",
        r#"oauth2.throttle.kind="password""#,
        "oauth2.throttle.wait_s=1",
    ] {
        assert!(log.contains(field), "{field}: {log}");
    }
    assert!(!log.contains("meera") && !log.contains("guess"), "{log}");
}
