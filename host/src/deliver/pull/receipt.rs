//! Receipts: what a consumer hands back to say what became of a message. A receipt stands for one lease; it is known again after a restart,
//! when the lease itself is forgotten.

use super::leases::Lease;
use crate::{
    event::{MessageId, Timestamp},
    journal::Lane,
    sign::TokenKey,
};

/// How receipts begin, so that nobody takes one for a message's id.
const PREFIX: &str = "rct_";
const PURPOSE: &str = "receipt";

/// A lease as its receipt tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    /// Of which message.
    pub(super) id: MessageId,
    /// In which attempt.
    pub(super) attempt: u32,
    /// When it was given.
    pub(super) given_at: Timestamp,
    /// Which lease.
    pub(super) nonce: u64,
}

impl Receipt {
    /// The receipt of a lease.
    pub(super) fn written(key: &TokenKey, lease: &Lease) -> String {
        let content =
            [&lease.id.as_bytes()[..], &lease.number.to_be_bytes(), &lease.given_at.0.to_be_bytes(), &lease.nonce.to_be_bytes()]
                .concat();
        format!("{PREFIX}{}", key.token(PURPOSE, &context(&lease.lane), &content))
    }

    /// Reads a receipt of this queue; `None` where it is none.
    pub(super) fn read(key: &TokenKey, lane: &Lane, text: &str) -> Option<Self> {
        let content = key.content(PURPOSE, &context(lane), text.strip_prefix(PREFIX)?)?;
        let (id, rest) = content.split_first_chunk::<16>()?;
        let (attempt, rest) = rest.split_first_chunk::<4>()?;
        let (given_at, rest) = rest.split_first_chunk::<8>()?;
        let (nonce, rest) = rest.split_first_chunk::<8>()?;
        rest.is_empty().then(|| Self {
            id: MessageId::from_bytes(*id),
            attempt: u32::from_be_bytes(*attempt),
            given_at: Timestamp(u64::from_be_bytes(*given_at)),
            nonce: u64::from_be_bytes(*nonce),
        })
    }
}

fn context(lane: &Lane) -> [&str; 2] {
    [lane.workspace.as_str(), lane.name.as_str()]
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::deliver::fake;

    #[test]
    fn a_receipt_is_good_for_its_queue() {
        let key = TokenKey::new(Zeroizing::new([7; 32]));
        let lease = Lease::new(&fake::delivery("jobs", 1), Timestamp(5), Timestamp(9), 77);
        let text = Receipt::written(&key, &lease);
        let receipt = Receipt { id: lease.id, attempt: 1, given_at: Timestamp(5), nonce: 77 };
        assert_eq!(Receipt::read(&key, &fake::lane("jobs"), &text), Some(receipt));
        assert_eq!(Receipt::read(&key, &fake::lane("other"), &text), None);
        for bad in ["", "rct_", "rct_AAAA", &text[4..], &lease.id.to_string()] {
            assert_eq!(Receipt::read(&key, &fake::lane("jobs"), bad), None, "{bad}");
        }
    }
}
