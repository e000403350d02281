//! What other nodes say over the wire: read to the letter, or no message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_oauth2_password::store::cached::Revoked;

fuzz_target!(|message: &str| {
    if let Some(revoked) = Revoked::from_message(message) {
        assert_eq!(revoked.to_message(), message);
        assert_eq!(Revoked::from_message(message), Some(revoked));
    }
});
