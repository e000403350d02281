//! Whatever the endpoints and guards refuse, and some that they do not.

use super::*;

impl Exercise {
    /// What the token endpoint refuses.
    pub(super) async fn bad_forms<U: UserStore, T: TokenStore>(
        &mut self,
        flow: &PasswordFlow<U, T>,
    ) {
        let (right, wrong) = (login(PASSWORD), login(WRONG_PASSWORD));
        let backend = basic("backend", CLIENT_SECRET);
        let password = encode(PASSWORD);
        let secret = format!("{right}&client_id=backend&client_secret={CLIENT_SECRET}");
        let bad_secret = format!("{right}&client_id=backend&client_secret={WRONG_CLIENT_SECRET}");
        let many = "&x=1".repeat(70);
        let long = format!("&x={}", "1".repeat(17_000));
        let bad_basic = basic("backend", WRONG_CLIENT_SECRET);
        let encoded = encoded_basic("backend", WRONG_CLIENT_SECRET);
        let cut = format!("{backend}!");
        let no_colon = basic(CLIENT_SECRET, "").replace("Og==", "");
        let bad_bearer = bearer(WRONG_CLIENT_SECRET);
        let cases: &[(&[&str], &str)] = &[
            (&[&backend], &wrong),
            (&[], &right),
            (&[&bad_basic], &right),
            (&[&encoded], &right),
            (&[&backend, &bad_basic], &right),
            (&[&cut], &right),
            (&[&no_colon], &right),
            (&[&backend], &secret),
            (&[], &bad_secret),
            (&[], &format!("{right}&client_secret={CLIENT_SECRET}")),
            (&[&backend], &format!("{right}&password={password}")),
            (&[&backend], &format!("{right}%zz")),
            (&[&backend], &format!("{right}&%ff={password}")),
            (&[&backend], &format!("{right}%00")),
            (&[&backend], &format!("{right}{many}")),
            (&[&backend], &format!("{right}{long}")),
            (&[&backend], &format!("{right}&scope={password}")),
            (
                &[&backend],
                &format!("grant_type={password}&password={password}"),
            ),
            (
                &[&backend],
                &format!("grant_type=password&password={password}"),
            ),
            (
                &[&backend],
                &format!("grant_type=password&username={password}&password={password}"),
            ),
            (
                &[&backend],
                &format!("grant_type=password&{password}=x&username=meera"),
            ),
            (
                &[&backend],
                &format!("grant_type=refresh_token&refresh_token={password}"),
            ),
            (&[&backend], "grant_type=refresh_token"),
            (&[&bad_bearer], &right),
        ];
        for (number, (fields, form)) in cases.iter().enumerate() {
            let (place, request) = (format!("form {number}"), post(fields, form));
            let answer = self.post(&place, flow.token_service(), request).await;
            assert_ne!(answer.status, 200, "{form}");
        }
        let uri = format!("/token?password={password}&client_secret={CLIENT_SECRET}");
        for method in ["GET", "POST"] {
            let mut request = post(&[&backend], &wrong);
            *request.uri_mut() = uri.parse().unwrap();
            *request.method_mut() = method.parse().unwrap();
            self.post("secrets in the query", flow.token_service(), request)
                .await;
        }
        let mut request = post(&[&backend], &wrong);
        request.headers_mut().insert(
            "content-type",
            format!("{FORM}x; {CLIENT_SECRET}").parse().unwrap(),
        );
        self.post("another media type", flow.token_service(), request)
            .await;
        let inner =
            service_fn(async |_: Posted| Ok::<_, Infallible>(Response::<Full<Bytes>>::default()));
        let layer = flow.token_layer("/token").unwrap();
        self.trail.show("token layer", &layer);
        let route = layer.layer(inner);
        self.note("layer", &send(route, post(&[&backend], &wrong)).await);
    }

    /// Revocation, introspection and metadata.
    pub(super) async fn other_endpoints<U, T>(
        &mut self,
        flow: &PasswordFlow<U, T>,
        tokens: &(String, String),
    ) where
        U: UserStore,
        T: TokenStore,
    {
        let (access, refresh) = (&*tokens.0, &*tokens.1);
        let backend = basic("backend", CLIENT_SECRET);
        let wrong = basic("backend", WRONG_CLIENT_SECRET);
        let password = encode(PASSWORD);
        for token in [access, refresh, &*password, "", "%ff"] {
            for fields in [&[&*backend][..], &[&*wrong], &[]] {
                let form = format!("token={token}&token_type_hint={token}");
                let described = flow.introspection_service();
                self.post("introspection", described, post(fields, &form))
                    .await;
            }
        }
        for token in [access, refresh, access, &*password, ""] {
            for fields in [&[&*wrong][..], &[], &[&*backend]] {
                let form = format!("token={token}");
                self.post("revocation", flow.revocation_service(), post(fields, &form))
                    .await;
            }
        }
        let issuer = "https://api.example.com".parse().unwrap();
        let document = flow.server_metadata(issuer, "/token").unwrap().document();
        let mut request = post(&[&backend], "");
        *request.method_mut() = http::Method::GET;
        *request.uri_mut() = format!("/x?access_token={access}").parse().unwrap();
        self.post("metadata", document, request).await;
    }

    /// `BearerLayer` over HTTP and gRPC, `RequireScope`, and the extractors.
    pub(super) async fn guards<U: UserStore, T: TokenStore>(
        &mut self,
        flow: &PasswordFlow<U, T>,
        access: &str,
    ) {
        let token = bearer(access);
        let backend = basic("backend", CLIENT_SECRET);
        let (twice, longer) = (format!("{token} {token}"), format!("{token}x"));
        let (other, long) = (bearer(CLIENT_SECRET), bearer(&"x".repeat(9000)));
        let cases: [&[&str]; 8] = [
            &[],
            &[&token],
            &[&token, &token],
            &[&backend],
            &[&twice],
            &[&longer],
            &[&other],
            &[&long],
        ];
        let guarded = flow.bearer_layer().layer(service_fn(handler));
        let scoped = flow.require_scope("admin".parse().unwrap());
        self.trail.show("scope layer", &scoped);
        let scoped = flow.bearer_layer().layer(scoped.layer(service_fn(handler)));
        let unguarded = flow
            .require_scope("me".parse().unwrap())
            .layer(service_fn(handler));
        let needed = async |_: Authenticated<U::User>| "in";
        let open = Router::new().route("/me", get(needed));
        let closed = open.clone().layer(flow.bearer_layer());
        self.trail.show("bearer layer", &flow.bearer_layer());
        for fields in cases {
            let media = ["application/grpc", "application/grpc-web+proto"].map(Some);
            for media in [None].into_iter().chain(media) {
                let uri = format!("/me?access_token={access}");
                let request = || ask(&uri, media, fields);
                let pending = guarded.clone().call(request());
                self.trail.show("guard", &pending);
                self.note("guard", &send(guarded.clone(), request()).await);
                self.note("scope", &send(scoped.clone(), request()).await);
                self.note("no guard", &send(unguarded.clone(), request()).await);
                self.note("extractor", &send(closed.clone(), request()).await);
                self.note("extractor alone", &send(open.clone(), request()).await);
            }
        }
    }
}
