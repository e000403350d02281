//! Stores, hashers and throttles that fail, and an authenticator of the application's own.

use super::*;

impl Exercise {
    /// As [`run`](Self::run), where nothing is expected to go well.
    pub async fn run_broken<U: UserStore, T: TokenStore>(&mut self, users: U, tokens: T) {
        let (flow, _clock) = Self::flow(users, tokens);
        let backend = basic("backend", CLIENT_SECRET);
        let token =
            RefreshToken::generate(&tower_oauth2_password::model::TokenPrefix::default()).unwrap();
        let pair = (token.expose().to_owned(), token.expose().to_owned());
        self.learn(&pair.0, &pair.1);
        for password in [PASSWORD, WRONG_PASSWORD] {
            let answer = send(flow.token_service(), post(&[&backend], &login(password))).await;
            self.note("login", &answer);
            if answer.status == 200 {
                let (access, refresh) = self.learn_from(&answer);
                let form = format!("grant_type=refresh_token&refresh_token={refresh}");
                for _ in 0..2 {
                    let answer = send(flow.token_service(), post(&[&backend], &form)).await;
                    self.note("refresh", &answer);
                    if answer.status == 200 {
                        self.learn_from(&answer);
                    }
                }
                self.other_endpoints(&flow, &(access.clone(), refresh))
                    .await;
                self.guards(&flow, &access).await;
            }
        }
        let form = format!("grant_type=refresh_token&refresh_token={}", pair.1);
        self.post("refresh", flow.token_service(), post(&[&backend], &form))
            .await;
        self.other_endpoints(&flow, &pair).await;
        self.guards(&flow, &pair.0).await;
        let subject = Subject::new("meera").unwrap();
        if let Err(error) = flow.families(&subject).await {
            self.trail.error("families", &error);
        }
        if let Err(error) = flow.revoke_subject(&subject).await {
            self.trail.error("revoke_subject", &error);
        }
    }

    pub async fn run_with_throttle(&mut self, users: MemoryUsers<User>, throttle: impl Throttle) {
        let (flow, _clock) = Self::flow(users, MemoryTokens::new());
        let flow = flow.with_throttle(throttle);
        let backend = basic("backend", CLIENT_SECRET);
        let nobody = login(PASSWORD).replace("meera", "nobody");
        for form in [&login(WRONG_PASSWORD), &nobody] {
            self.post(
                "broken throttle",
                flow.token_service(),
                post(&[&backend], form),
            )
            .await;
        }
    }

    pub async fn run_with_broken_hashers(&mut self, users: MemoryUsers<User>) {
        for panics in [false, true] {
            let (flow, _clock) = Self::flow(users.clone(), MemoryTokens::new());
            let flow = flow.with_hasher(BrokenHasher { panics });
            let backend = basic("backend", CLIENT_SECRET);
            for password in [PASSWORD, WRONG_PASSWORD] {
                let request = post(&[&backend], &login(password));
                let answer = self
                    .post("broken hasher", flow.token_service(), request)
                    .await;
                assert!(answer.status.is_server_error());
            }
            let hashed = flow.hash_password(Password::new(PASSWORD)).await;
            self.trail.error("hash_password", &hashed.unwrap_err());
        }
    }

    /// Of which the login fails, and is logged.
    pub async fn run_with_damaged_hashes(&mut self, account: &Account) {
        let right = account.hash().unwrap().expose();
        let costly = right.replace("$04$", "$31$");
        let strange = right.replace("$2b$", "$zz$");
        let argon = format!("$argon2id$v=19$m=99,t=1,p=1${}$x", &right[7..]);
        for (at, hash) in [&right[..50], &costly, &strange, &argon]
            .into_iter()
            .enumerate()
        {
            self.secrets.add("damaged hash", hash);
            let users = MemoryUsers::new();
            let subject = Subject::new(format!("meera{at}")).unwrap();
            let account = Account::new(subject).with_hash(PasswordHash::new(hash));
            users.insert("meera", account, User::new("Meera")).unwrap();
            let (flow, _clock) = Self::flow(users, MemoryTokens::new());
            let argon = tower_oauth2_password::password::Argon2id::default();
            let hashers = tower_oauth2_password::password::Hashers::new(fast()).with_older(argon);
            let flow = flow.with_hasher(hashers);
            let request = post(&[&basic("backend", CLIENT_SECRET)], &login(PASSWORD));
            let answer = self
                .post("damaged hash", flow.token_service(), request)
                .await;
            assert_eq!(answer.json["error"], "invalid_grant");
        }
    }

    pub async fn run_with_code(&mut self, users: MemoryUsers<User>) {
        self.learn_hash(&users).await;
        let (flow, _clock) = Self::flow(users, MemoryTokens::new());
        for code in [CODE, "", "code-of-somebody"] {
            let service = TokenService::new(WithCode(flow.authenticator()), flow.issuer());
            let form = format!("{}&otp={code}", login(PASSWORD));
            let answer = send(service, post(&[], &form)).await;
            self.note("code", &answer);
            let shown = answer.json["debug"].as_str().unwrap_or_default().to_owned();
            self.trail.show("Credentials", &shown);
        }
        for _ in 0..20 {
            self.trail.show("authenticator", &flow.authenticator());
        }
    }
}

/// Says what `Credentials` shows, in an answer that is searched.
struct WithCode<A>(A);

impl<A: Authenticate> Authenticate for WithCode<A> {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Identity, TokenError> {
        let shown = format!("{credentials:?} {credentials:#?}");
        let code = credentials.parameter("otp").map(str::to_owned);
        let identity = self.0.authenticate(credentials).await?;
        let shown = format!("{shown} {identity:?}");
        let error = OAuthError::new("mfa_required").unwrap();
        let error = error.with_member("debug", shown).unwrap();
        match code.as_deref() {
            Some(CODE) => Err(error
                .with_member("mfa_token", "of the application")
                .unwrap()
                .into()),
            Some(_) => Err(TokenError::InvalidGrant),
            None => Err(error.into()),
        }
    }

    async fn is_active(&self, subject: &Subject) -> Result<bool, TokenError> {
        self.0.is_active(subject).await
    }
}

struct BrokenHasher {
    panics: bool,
}

impl BrokenHasher {
    fn fail<T>(&self) -> Result<T, HashError> {
        assert!(!self.panics, "{FIRE}");
        Err(HashError::Failed(Arc::new(std::io::Error::other(FIRE))))
    }
}

impl PasswordHasher for BrokenHasher {
    fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        self.fail()
    }

    fn verify(&self, _: &Password, _: &PasswordHash) -> Result<bool, HashError> {
        self.fail()
    }

    fn recognizes(&self, _: &PasswordHash) -> bool {
        true
    }

    fn needs_rehash(&self, _: &PasswordHash) -> bool {
        false
    }
}
