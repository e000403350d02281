//! jwt-authorizer: no store, but a signature to verify.

use std::{convert::Infallible, sync::Arc};

use axum_07::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::FutureExt;
use http::{Request, Response};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use jwt_authorizer::{AuthorizerBuilder, IntoLayer, JwtAuthorizer, NumericDate, RegisteredClaims};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use tower::{Layer, Service};
use tower_oauth2_password::model::{Clock, Lifetime};

use crate::{
    field::Inner,
    site::{USERS, name},
};

/// Of as many bits as the digest.
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// What stands before an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410 §4).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

pub struct Keys {
    algorithm: Algorithm,
    encode: EncodingKey,
    authorizer: AuthorizerBuilder<RegisteredClaims>,
}

pub fn hs256() -> Keys {
    Keys {
        algorithm: Algorithm::HS256,
        encode: EncodingKey::from_secret(SECRET.as_bytes()),
        authorizer: JwtAuthorizer::from_secret(SECRET),
    }
}

pub fn eddsa() -> Keys {
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let public = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
    let public = STANDARD.encode([&SPKI[..], public.public_key().as_ref()].concat());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
    Keys {
        algorithm: Algorithm::EdDSA,
        encode: EncodingKey::from_ed_der(pair.as_ref()),
        authorizer: JwtAuthorizer::from_ed_pem_text(&pem),
    }
}

impl Keys {
    pub fn issue(&self, user: usize) -> String {
        let now = Clock::system().now();
        let date = |secs: u64| Some(NumericDate(secs.try_into().unwrap()));
        let claims = RegisteredClaims {
            iss: Some("https://auth.example.com".to_owned()),
            sub: Some(name(user)),
            aud: None,
            exp: date((now + Lifetime::HOUR).as_secs()),
            nbf: None,
            iat: date(now.as_secs()),
            jti: None,
        };
        encode(&Header::new(self.algorithm), &claims, &self.encode).unwrap()
    }

    pub fn tokens(&self) -> Arc<[String]> {
        (0..USERS).map(|user| self.issue(user)).collect()
    }

    pub fn guard(
        self,
    ) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> + 'static {
        let authorizer = self.authorizer.build().now_or_never().unwrap().unwrap();
        authorizer.into_layer().layer(Inner::<Body>::new())
    }
}
