use super::{World, done};
use crate::event::Timestamp;

#[test]
fn last_use_is_kept_until_the_key_is_gone() {
    let world = World::new();
    let (a, b) = ("0123456789ab".to_owned(), "ba9876543210".to_owned());
    done(world.journal.keep_key_uses(vec![(a.clone(), Some(Timestamp(1))), (b.clone(), Some(Timestamp(2)))]));
    done(world.journal.keep_key_uses(vec![(a.clone(), Some(Timestamp(3))), (b, None)]));
    let world = world.reopen();
    assert_eq!(done(world.journal.key_uses()), [(a, Timestamp(3))]);
}
