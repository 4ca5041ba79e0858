//! What goes out: from a rule's messages to deliveries or batch members. Pure, and the same on every repeat, ids included.

use super::{
    collect::Collected,
    rule::{Rule, Target},
};
use crate::{
    event::{BatchId, Event, Failure, Header, Message, MessageId, Name, Order, OrderKeys, RunId},
    journal::{Batch, Join, Member, NewDelivery, OrderHold, Outcome},
    plugin::{Ended, Piece},
};

/// What follows from a chain that did not fail; for a rule without plugins, from the event as it is.
pub(super) fn of_run(rule: &Rule, run: RunId, event: &Event, ended: Ended) -> Outcome {
    let pieces = match ended {
        Ended::Dropped { reason } => return Outcome::Dropped { reason },
        Ended::Messages(pieces) => pieces,
    };
    let (mut joins, mut alone) = (Vec::new(), Vec::new());
    let mut keys = OrderKeys::of(event);
    for (index, piece) in (0..).zip(pieces) {
        let Piece { mut message, batch_key } = piece;
        forward(rule, event, &mut message);
        let targets = match targets(rule, &message) {
            Ok(targets) => targets,
            Err(failure) => return Outcome::Dead(failure),
        };
        match (rule.batch, key(rule, batch_key)) {
            (Some(limits), Some(key)) => {
                joins.push(Join { key, index, message, limits, rule_hash: rule.hash, ordered: ordered(rule) });
            }
            _ => alone.extend(targets.into_iter().map(|target| NewDelivery {
                id: MessageId::of_run(run, &target.name, index),
                destination: target.name.clone(),
                message: message.clone(),
                order_key: target.wants.order.as_ref().and_then(|order| keys.key(order)),
            })),
        }
    }
    if joins.is_empty() { Outcome::Planned(alone) } else { Outcome::Joined { joins, alone } }
}

/// What later events have to wait behind until the rule's run on this one has ended: it may go to each of its destinations.
pub(super) fn holds(rule: &Rule, keys: &mut OrderKeys<'_>) -> Vec<OrderHold> {
    let hold = |target: &Target| {
        let key = keys.key(target.wants.order.as_ref()?)?;
        Some(OrderHold { destination: target.name.clone(), key })
    };
    rule.targets.iter().filter_map(hold).collect()
}

/// The destinations where a batch of this rule has its place in the line.
fn ordered(rule: &Rule) -> Vec<Name> {
    rule.targets.iter().filter(|target| batch_key(target).is_some()).map(|target| target.name.clone()).collect()
}

/// A batch has no key of its own, but is among all that a destination has in order.
fn batch_key(target: &Target) -> Option<String> {
    matches!(target.wants.order, Some(Order::All)).then(String::new)
}

/// The batch that a piece joins: the one its plugin named; without a batch plugin, the rule's only one.
fn key(rule: &Rule, named: Option<String>) -> Option<String> {
    if rule.folder().is_some() { named } else { Some(String::new()) }
}

/// What follows from a fold that did not fail.
pub(super) fn of_fold(rule: &Rule, batch: BatchId, ended: Ended) -> Outcome {
    let pieces = match ended {
        Ended::Dropped { reason } => return Outcome::Dropped { reason },
        Ended::Messages(pieces) => pieces,
    };
    let mut planned = Vec::new();
    for (index, piece) in (0..).zip(pieces) {
        match targets(rule, &piece.message) {
            Ok(targets) => planned.extend(targets.into_iter().map(|target| NewDelivery {
                id: MessageId::of_batch(batch, &target.name, index),
                destination: target.name.clone(),
                message: piece.message.clone(),
                order_key: batch_key(target),
            })),
            Err(failure) => return Outcome::Dead(failure),
        }
    }
    Outcome::Planned(planned)
}

/// What follows from a batch that no plugin folds: one document for each destination, of the members that may go there.
pub(super) fn of_collected(rule: &Rule, batch: &Batch) -> Outcome {
    let mut made: Vec<(Collected, Vec<usize>, Message)> = Vec::new();
    let mut planned = Vec::new();
    for target in &rule.targets {
        let goes_there = |member: &Member| member.message.route.as_ref().is_none_or(|route| *route == target.name);
        let members: Vec<usize> = (0..batch.members.len()).filter(|at| goes_there(&batch.members[*at])).collect();
        if members.is_empty() {
            continue;
        }
        // Destinations that get the same share the bytes.
        let same = made.iter().find(|(how, of, _)| *how == target.wants.collected && *of == members);
        let message = match same {
            Some((.., message)) => message.clone(),
            None => {
                let message = target.wants.collected.message(members.iter().map(|at| &batch.members[*at]));
                made.push((target.wants.collected, members, message.clone()));
                message
            }
        };
        planned.push(NewDelivery {
            id: MessageId::of_batch(batch.id, &target.name, 0),
            destination: target.name.clone(),
            message,
            order_key: batch_key(target),
        });
    }
    Outcome::Planned(planned)
}

/// Where a message goes: to all destinations of the rule, or to the one that a plugin chose.
fn targets<'r>(rule: &'r Rule, message: &Message) -> Result<Vec<&'r Target>, Failure> {
    let Some(route) = &message.route else { return Ok(rule.targets.iter().collect()) };
    match rule.targets.iter().find(|target| target.name == *route) {
        Some(target) => Ok(vec![target]),
        None => {
            let text = format!("a plugin of rule `{}` chose `{route}`, which is none of the rule's destinations", rule.name);
            Err(Failure::new("unknown-route", text))
        }
    }
}

/// Adds the event's headers that the rule passes on, but where a plugin set one of the same name.
fn forward(rule: &Rule, event: &Event, message: &mut Message) {
    let set: Vec<String> = message.headers.iter().map(|header| header.name.clone()).collect();
    let passes = |header: &&Header| rule.forward_headers.contains(&header.name) && !set.contains(&header.name);
    message.headers.extend(event.headers.iter().filter(passes).cloned());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::{
        dispatch::Wants,
        event::{Name, Timestamp},
        journal::{BatchLimits, FlushReason, Lane},
    };

    fn name(text: &str) -> Name {
        text.parse().expect("name")
    }

    fn rule(batch: Option<BatchLimits>) -> Rule {
        let target = |n: &str| Target { name: name(n), wants: Wants { collected: Collected::JsonArray, order: None } };
        Rule {
            name: name("r"),
            chain: Arc::new([]),
            targets: vec![target("crm"), target("erp")],
            batch,
            forward_headers: vec!["x-event".into()],
            hash: [0; 16],
        }
    }

    fn event() -> Event {
        let header = |n: &str| Header { name: n.into(), value: "v".into() };
        Event { headers: vec![header("x-event"), header("x-other")], ..Event::bare("t", "1") }
    }

    fn run(rule: &Rule, message: Message) -> Outcome {
        let event = event();
        let id = RunId::of(&event.workspace, event.id, 0, &rule.name);
        of_run(rule, id, &event, Ended::Messages(vec![Piece { message, batch_key: None }]))
    }

    #[test]
    fn a_message_goes_to_all_destinations_with_the_headers_that_pass() {
        let Outcome::Planned(planned) = run(&rule(None), Message::of(&event())) else { panic!("planned") };
        assert_eq!(planned.len(), 2);
        assert_ne!(planned[0].id, planned[1].id);
        let names: Vec<_> = planned[0].message.headers.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(names, ["x-event"]);
        assert_eq!(planned[0].message.body, None, "the event's own bytes");
    }

    #[test]
    fn a_route_chooses_among_the_destinations_of_the_rule() {
        let routed = |to| run(&rule(None), Message { route: Some(name(to)), ..Message::of(&event()) });
        assert!(
            matches!(routed("erp"), Outcome::Planned(planned) if planned.len() == 1 && planned[0].destination == name("erp"))
        );
        assert!(matches!(routed("elsewhere"), Outcome::Dead(failure) if failure.code == "unknown-route"));
    }

    #[test]
    fn what_is_in_order_has_the_events_key_whatever_plugins_made_of_it() {
        let mut rule = rule(None);
        rule.targets[0].wants.order = Some(Order::Header("x-event".into()));
        rule.targets[1].wants.order = Some(Order::Header("x-absent".into()));
        let Outcome::Planned(planned) = run(&rule, Message { headers: Vec::new(), ..Message::of(&event()) }) else {
            panic!("planned")
        };
        assert_eq!(planned.iter().map(|one| one.order_key.as_deref()).collect::<Vec<_>>(), [Some("v"), None]);
        let holds = holds(&rule, &mut OrderKeys::of(&event()));
        assert_eq!(holds, [OrderHold { destination: name("crm"), key: "v".into() }]);
    }

    #[test]
    fn a_batch_is_in_order_with_all_where_all_is() {
        let mut rule = rule(Some(BatchLimits { events_max: 2, bytes_max: 100, age_ms_max: 1000 }));
        rule.targets[1].wants.order = Some(Order::All);
        let Outcome::Joined { joins, .. } = run(&rule, Message::of(&event())) else { panic!("joined") };
        assert_eq!(joins[0].ordered, [name("erp")]);
        let folded = Ended::Messages(vec![Piece { message: Message::of(&event()), batch_key: None }]);
        let Outcome::Planned(planned) = of_fold(&rule, BatchId::from_bytes([0; 16]), folded) else { panic!("planned") };
        assert_eq!(planned.iter().map(|one| one.order_key.as_deref()).collect::<Vec<_>>(), [None, Some("")]);
    }

    #[test]
    fn without_a_batch_plugin_all_messages_join_one_batch() {
        let limits = BatchLimits { events_max: 2, bytes_max: 100, age_ms_max: 1000 };
        let outcome = run(&rule(Some(limits)), Message::of(&event()));
        assert!(
            matches!(outcome, Outcome::Joined { joins, alone } if joins.len() == 1 && joins[0].key.is_empty() && alone.is_empty())
        );
    }

    #[test]
    fn a_collected_batch_goes_to_each_destination_without_what_was_routed_elsewhere() {
        let rule = rule(Some(BatchLimits { events_max: 2, bytes_max: 100, age_ms_max: 1000 }));
        let member = |route: Option<&str>| {
            let event = event();
            let message = Message { route: route.map(name), ..Message::of(&event) };
            Member { event: Arc::new(event), message }
        };
        let batch = |members: Vec<Member>| Batch {
            id: BatchId::from_bytes([0; 16]),
            seq: 1,
            lane: Lane { workspace: Name::default_workspace(), name: rule.name.clone() },
            key: String::new(),
            reason: FlushReason::Size,
            revision: 1,
            opened_at: Timestamp(0),
            retried_at: None,
            attempt: 1,
            conflicts: 0,
            put_off: None,
            members,
        };
        let bodies = |batch: &Batch| {
            let Outcome::Planned(planned) = of_collected(&rule, batch) else { panic!("planned") };
            let told = planned.into_iter().map(|one| (one.destination.to_string(), one.message.body.expect("a document")));
            told.collect::<Vec<_>>()
        };
        let both = bodies(&batch(vec![member(None), member(Some("crm"))]));
        assert_eq!(both, [("crm".to_owned(), Bytes::from("[1,1]")), ("erp".to_owned(), Bytes::from("[1]"))]);
        let one = bodies(&batch(vec![member(Some("erp"))]));
        assert_eq!(one, [("erp".to_owned(), Bytes::from("[1]"))]);
    }
}
