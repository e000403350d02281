//! [`SqlClients`](tower_oauth2_password::store::sql::SqlClients): what it keeps, and a flow over it.

use tower_oauth2_password::{
    model::{ClientSecret, Scope},
    store::{Client, ClientStore, GrantType},
};

use crate::support::{
    LOGIN,
    clients::{
        BACKEND_SECRET, backend, basic, client_id, clients, confidential, introspect, log_in_with,
        post_with, public,
    },
    databases::{Database, on_sqlite_and_postgres, scope},
};

on_sqlite_and_postgres! {
    a_client_comes_back_as_it_was_saved
    a_saved_client_takes_the_place_of_the_one_before
    a_removed_client_is_not_found
    a_client_is_a_client_whatever_is_in_its_id
    a_flow_serves_the_clients_of_its_database
}

fn assert_same(found: &Client, saved: &Client) {
    assert_eq!(found.id(), saved.id());
    let secret = |client: &Client| client.secret().map(|secret| *secret.as_bytes());
    assert_eq!(secret(found), secret(saved));
    for grant in [GrantType::Password, GrantType::RefreshToken] {
        assert_eq!(found.may_use(grant), saved.may_use(grant), "{grant:?}");
    }
    assert_eq!(found.scope(), saved.scope());
    assert_eq!(found.may_introspect(), saved.may_introspect());
}

/// Public and confidential, with every set of grants, and a scope that allows nothing is not the
/// same as none (RFC 6749 §2).
async fn a_client_comes_back_as_it_was_saved(database: Database) {
    let database = database.migrated().await;
    let store = database.sql.clients();
    let all = [
        public("phone"),
        confidential("backend", BACKEND_SECRET).with_introspection(true),
        public("none").with_grants([]),
        public("password").with_grants([GrantType::Password]),
        public("refresh").with_grants([GrantType::RefreshToken]),
        public("scope").with_scope(scope()),
        public("nothing").with_scope(Scope::EMPTY),
        public("public introspection").with_introspection(true),
    ];
    for client in &all {
        store.save(client).await.unwrap();
    }
    for client in &all {
        let found = store.find_client(client.id()).await.unwrap().unwrap();
        assert_same(&found, client);
    }
    let ghost = store.find_client(&client_id("ghost")).await.unwrap();
    assert!(ghost.is_none());
}

/// "In place of one with the same id", to the last column.
async fn a_saved_client_takes_the_place_of_the_one_before(database: Database) {
    let database = database.migrated().await;
    let store = database.sql.clients();
    let before = confidential("web", BACKEND_SECRET)
        .with_scope(scope())
        .with_introspection(true);
    let after = public("web").with_grants([GrantType::Password]);
    for client in [&before, &after, &before] {
        store.save(client).await.unwrap();
        let found = store.find_client(client.id()).await.unwrap().unwrap();
        assert_same(&found, client);
    }
    assert_eq!(database.count("oauth_clients", "1 = 1").await, 1);
}

/// "Says whether there was one."
async fn a_removed_client_is_not_found(database: Database) {
    let database = database.migrated().await;
    let store = database.sql.clients();
    store.save(&public("phone")).await.unwrap();
    store.save(&public("tablet")).await.unwrap();
    let (phone, tablet) = (client_id("phone"), client_id("tablet"));
    assert!(store.remove(&phone).await.unwrap());
    assert!(!store.remove(&phone).await.unwrap());
    assert!(store.find_client(&phone).await.unwrap().is_none());
    assert!(store.find_client(&tablet).await.unwrap().is_some());
}

/// Ids are values and never parts of a statement, and they are compared byte by byte.
async fn a_client_is_a_client_whatever_is_in_its_id(database: Database) {
    let ids = [
        "web",
        "WEB",
        "w%",
        "we_",
        "'; DROP TABLE oauth_clients; --",
        "{clients}",
        "$1",
    ];
    let database = database.migrated().await;
    let store = database.sql.clients();
    for (at, id) in ids.into_iter().enumerate() {
        let client = confidential(id, &format!("secret {at}"));
        store.save(&client).await.unwrap();
    }
    for (at, id) in ids.into_iter().enumerate() {
        let found = store.find_client(&client_id(id)).await.unwrap().unwrap();
        let secret = ClientSecret::new(format!("secret {at}"));
        assert!(found.secret().unwrap().is_of(&secret), "{id}");
    }
}

/// RFC 6749 §2.3, §6, RFC 7662 §2.1: who a client is, which tokens are its own, and what it may ask.
async fn a_flow_serves_the_clients_of_its_database(database: Database) {
    let database = database.migrated().await;
    let store = database.sql.clients();
    for client in clients() {
        store.save(&client).await.unwrap();
    }
    let (flow, _clock) = database.flow().await;
    let flow = flow.with_clients(store.clone());

    let phone = log_in_with(&flow, &[], "&client_id=phone").await;
    introspect(&flow, &phone.access).await.expect_described(
        r#"{"active":true,"scope":"items:read me","client_id":"phone","token_type":"Bearer","exp":46800,"iat":43200,"sub":"meera"}"#,
    );
    // To another client a refresh token is none.
    introspect(&flow, &phone.refresh).await.expect_inactive();
    let form = phone.refresh_form() + "&client_id=tablet";
    let answer = post_with(flow.token_service(), &[], form).await;
    answer.expect_bad_token();
    let form = phone.refresh_form() + "&client_id=phone";
    let answer = post_with(flow.token_service(), &[], form).await;
    let phone = answer.expect_tokens(Some("items:read me"));

    let wrong = basic("backend", "wrong");
    let answer = post_with(flow.token_service(), &[&wrong], LOGIN).await;
    answer.expect_challenge();
    let backend_tokens = log_in_with(&flow, &[&backend()], "").await;
    introspect(&flow, &backend_tokens.access)
        .await
        .expect_described(
        r#"{"active":true,"scope":"items:read me","client_id":"backend","token_type":"Bearer","exp":46800,"iat":43200,"sub":"meera"}"#,
    );

    // From the next request on.
    assert!(store.remove(&client_id("phone")).await.unwrap());
    let form = phone.refresh_form() + "&client_id=phone";
    let answer = post_with(flow.token_service(), &[], form).await;
    assert_eq!(answer.json["error"], "invalid_client", "{answer:?}");
}
