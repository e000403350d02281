//! Hashes that other programs made, as a database that moves here holds them.

use super::{PasswordHash, PasswordHasher, accepts, fast};

const UMLAUTS: &str = "pässwörd€";

/// The most that bcrypt reads.
fn longest() -> String {
    "a".repeat(72)
}

fn assert_only(right: &str, hash: &str) {
    let stored = PasswordHash::new(hash);
    assert!(fast().recognizes(&stored), "{hash}");
    assert!(accepts(&fast(), right, &stored), "{hash}");
    for wrong in [
        "Correct horse",
        "correct horse ",
        "passwort",
        "p\u{e4}ssw\u{f6}rd",
    ] {
        assert!(!accepts(&fast(), wrong, &stored), "{wrong} {hash}");
    }
}

/// passlib 1.7.4 with bcrypt 4.0.1, `bcrypt.using(rounds=…, ident="2b")`, its default form.
#[test]
fn hashes_of_passlib_verify() {
    for (right, hash) in [
        (
            "correct horse",
            "$2b$04$/IbzDGuwqJulQou48Pk0ReRdC20PLCopAlONiPumdaC5/91uAV0Zq",
        ),
        (
            UMLAUTS,
            "$2b$05$wpoIJxIeBabF12.ZNWUal.EqNJjuyFoKKu2rKKg.Osn6SRgcmJ5qy",
        ),
        (
            &longest(),
            "$2b$04$8.142pverzKZUW9HkaSU8...H5Qx3Fv5YRnQN9tKc06lfOVsM9W1G",
        ),
        (
            "",
            "$2b$05$cThV8v2O2W5Ak17PQgp.zOm1Gj6vK0TN8ZLiwUtujX1ZpUBxE7Haq",
        ),
    ] {
        assert_only(right, hash);
    }
}

/// passlib 1.7.4 with bcrypt 4.0.1, `bcrypt.using(rounds=…, ident="2a")`, its form until 1.7.
#[test]
fn hashes_of_an_older_passlib_verify() {
    for (right, hash) in [
        (
            "correct horse",
            "$2a$04$qP2ICMjLj8X7pwweqHSYxuCiJEKVAvfmJG7KiYtkd/uWJ2im1cUe6",
        ),
        (
            UMLAUTS,
            "$2a$05$a1j9h2IkLx2huPP7HV0.ue5hhwfQj/BfcA7o9rDBpKhH2Iztk1ijC",
        ),
    ] {
        assert_only(right, hash);
    }
}

/// PHP 8.2.36, `password_hash($password, PASSWORD_BCRYPT, ["cost" => …])`.
#[test]
fn hashes_of_php_verify() {
    for (right, hash) in [
        (
            "correct horse",
            "$2y$04$K6XgqUPGNWVz2X4B00AxMe.eXFDlUwpQr.TTmTSM.Ln.TQF1WDOJO",
        ),
        (
            UMLAUTS,
            "$2y$05$LkNDO6amFl8AS4Dgac1loO99yful360HkW8n70/lTtGvQug5oy1lC",
        ),
        (
            &longest(),
            "$2y$06$PMt6ptqUAwjiIfcSd/zu9.UoXz/fYX27cH8Wy4gcd151Knvmc0/Ni",
        ),
        (
            "",
            "$2y$04$mx0gObv1vML2haAenJ4oT.znZ8y8TSSxDPtAfc0MgtI9yn8.LzQuO",
        ),
    ] {
        assert_only(right, hash);
    }
}
