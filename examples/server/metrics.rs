//! What Prometheus reads, on a listener of its own.

use std::{error::Error, time::Duration};

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tokio::net::TcpListener;
use tower_oauth2_password::observe::describe_metrics;

/// In seconds. A hash at cost 12 takes 0.2, a look-up in a store some thousandths.
const BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 4.0];
/// What was measured is moved into the buckets so often, should nobody ask for it.
const UPKEEP: Duration = Duration::from_secs(5);

/// Counts from now on, and serves what was counted. To be called before the first request.
pub(crate) async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe_metrics();

    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("Metrics on http://{}/metrics", listener.local_addr()?);
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    let render = async move || {
        let fields = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
        (fields, handle.render())
    };
    let app = Router::new().route("/metrics", get(render));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            eprintln!("error: metrics are no longer served: {error}");
        }
    });
    Ok(())
}
