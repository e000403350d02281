//! Users, and a token for each.

use std::sync::Arc;

use futures_util::FutureExt;
use http::{
    Request,
    header::{AUTHORIZATION, HeaderName},
};
use tower_oauth2_password::{
    MemoryTokens, MemoryUsers, PasswordFlow,
    model::{AccessToken, PasswordHash, Subject, TokenPrefix},
    store::Account,
    token::Identity,
};

/// How many there are. Requests come from all of them in turn.
pub const USERS: usize = 1_000;
pub const SCOPE: &str = "items:read me";

#[derive(Debug)]
pub struct User {
    pub name: String,
}

pub struct Site {
    pub users: MemoryUsers<User>,
    pub flow: PasswordFlow<MemoryUsers<User>, MemoryTokens>,
    /// The token of each, in clear.
    pub tokens: Arc<[String]>,
}

pub fn name(user: usize) -> String {
    format!("user-{user}")
}

impl Site {
    pub fn new() -> Self {
        let users = MemoryUsers::new();
        for number in 0..USERS {
            let account = Account::new(Subject::new(name(number)).unwrap());
            let account = account
                .with_hash(PasswordHash::new("at once"))
                .with_scope(SCOPE.parse().unwrap());
            let user = User { name: name(number) };
            users.insert(&name(number), account, user).unwrap();
        }
        let flow = PasswordFlow::new(users.clone(), MemoryTokens::new());
        let issuer = flow.issuer();
        let issue = |number| {
            let token = issuer.issue(identity(number)).now_or_never().unwrap();
            token.unwrap().token().expose().to_owned()
        };
        Self {
            tokens: (0..USERS).map(issue).collect(),
            users,
            flow,
        }
    }
}

pub fn identity(user: usize) -> Identity {
    Identity::new(Subject::new(name(user)).unwrap()).with_scope(SCOPE.parse().unwrap())
}

/// Tokens that look like those of the site, but nobody knows them.
pub fn strangers() -> Arc<[String]> {
    let token = |_| AccessToken::generate(&TokenPrefix::default()).unwrap();
    (0..USERS).map(|n| token(n).expose().to_owned()).collect()
}

/// Requests with `tokens` in turn.
pub fn bearers<B: Default>(tokens: &Arc<[String]>) -> impl FnMut() -> Request<B> + use<B> {
    let fields = tokens.iter().map(|token| format!("Bearer {token}"));
    in_turn(AUTHORIZATION, fields.collect())
}

/// Requests with `fields` named `name` in turn.
pub fn in_turn<B: Default>(
    name: HeaderName,
    fields: Vec<String>,
) -> impl FnMut() -> Request<B> + use<B> {
    let mut next = 0;
    move || {
        let field = &fields[next];
        next = (next + 1) % fields.len();
        let request = Request::get("/me").header(&name, field);
        request.body(B::default()).unwrap()
    }
}
