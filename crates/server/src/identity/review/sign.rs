//! The signature: everything is checked once more, carried out and recorded, in one transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::record::{Envelope, Key, Record, RecordItem, next_due};
use super::snapshot::{self, Person, Snapshot};
use super::{Decision, Item, ReviewError, Reviewer, Subject, add, items, lock, show_again};
use crate::identity::roles;
use crate::ledger::{Happened, Said, note};
use crate::store::Store;

/// What a record says when somebody decided on himself.
const ALONE: &str = "some decisions concern who made them: no other active user held reviews.sign whom they \
    do not concern; somebody outside the system should look at the items with `own_decision`";

/// Carries out an open review whose items are all decided on, and signs its record.
///
/// # Errors
/// Items that changed or are not decided on, rights that are missing, or no administrator would be left.
pub(crate) async fn sign(
    store: &Store,
    key: &Key,
    id: &str,
    by: Reviewer<'_>,
    now: Timestamp,
) -> Result<Envelope, ReviewError> {
    let review = super::find(store, id).await?;
    let mut transaction = store.writer().begin().await?;
    lock(&mut transaction, id).await?;
    // Whoever changes roles or takes administrators away waits for these rows.
    sqlx::query("update roles set version = version").execute(&mut *transaction).await?;
    let before = snapshot::take(&mut transaction, now).await?;
    let changed = catch_up(&mut transaction, id, &before).await?;
    if !changed.is_empty() {
        transaction.commit().await?;
        return Err(ReviewError::NotReady("something changed since it was shown", listed(&changed)));
    }
    let items = items(&mut transaction, id).await?;
    let decided = ready(&items, &before)?;
    for (item, _) in &decided {
        let subject = before.find(&item.id).ok_or(ReviewError::UnknownItem)?;
        by.may_have(subject, &item.decision()?.decision)?;
    }
    carry_out(&mut transaction, &decided, by, now).await?;
    let after = snapshot::take(&mut transaction, now).await?;
    let record = Record {
        review: id.to_owned(),
        started_at: review.started_at.to_string(),
        started_by: review.started_by,
        signed_at: now.to_string(),
        signed_by: by.person(),
        next_due: next_due(now).to_string(),
        reviewers: before.reviewers().collect(),
        remarks: remarks(&decided, by),
        items: decided
            .iter()
            .map(|(item, subject)| recorded(item, subject, &after))
            .collect::<Result<_, ReviewError>>()?,
        built_in_roles: before.built_in,
    };
    let envelope = key.sign(&record)?;
    sqlx::query(
        "update reviews set state = 'signed', signed_at = $2, signed_by = $3, record = $4 where id = $1",
    )
    .bind(id)
    .bind(now.as_millisecond())
    .bind(&by.user.name)
    .bind(serde_json::to_string(&envelope)?)
    .execute(&mut *transaction)
    .await?;
    let said = Said::done(Happened::ReviewSigned).on("review", id, None).with("key", key.fingerprint());
    note(&mut transaction, said).await?;
    transaction.commit().await?;
    Ok(envelope)
}

impl Item {
    fn decision(&self) -> Result<&super::Decided, ReviewError> {
        self.decided.as_ref().ok_or(ReviewError::UnknownItem)
    }
}

/// Brings the items up to what there is: new ones and changed ones are to be decided on, gone ones go. Which they are.
async fn catch_up(
    connection: &mut AnyConnection,
    id: &str,
    snapshot: &Snapshot,
) -> Result<Vec<String>, ReviewError> {
    let mut shown: BTreeMap<String, Subject> =
        items(connection, id).await?.into_iter().map(|item| (item.id, item.found)).collect();
    let mut changed = Vec::new();
    for (place, subject) in (0_i64..).zip(&snapshot.subjects) {
        let item = subject.item();
        match shown.remove(&item) {
            Some(found) if found.stands_as(subject) => continue,
            Some(_) => show_again(connection, id, subject).await?,
            None => add(connection, id, place, subject).await?,
        }
        changed.push(item);
    }
    for gone in shown.keys() {
        sqlx::query("delete from review_items where review_id = $1 and id = $2")
            .bind(id)
            .bind(gone)
            .execute(&mut *connection)
            .await?;
    }
    Ok(changed)
}

/// The items with what they are about now, when all are decided on by who may.
fn ready<'a>(items: &'a [Item], now: &'a Snapshot) -> Result<Vec<(&'a Item, &'a Subject)>, ReviewError> {
    let open: Vec<String> =
        items.iter().filter(|item| item.decided.is_none()).map(|item| item.id.clone()).collect();
    if !open.is_empty() {
        return Err(ReviewError::NotReady("not everything is decided", listed(&open)));
    }
    let mut ready = Vec::new();
    let mut alone = Vec::new();
    for item in items {
        let subject = now.find(&item.id).ok_or(ReviewError::UnknownItem)?;
        let by = &item.decision()?.by.id;
        // Who was alone when he decided may not be any more.
        if subject.concerns(by) && now.other_reviewer(subject, by).is_some() {
            alone.push(item.id.clone());
        }
        ready.push((item, subject));
    }
    if alone.is_empty() {
        return Ok(ready);
    }
    Err(ReviewError::NotReady(
        "there is another reviewer now for what somebody decided on himself",
        listed(&alone),
    ))
}

/// The first of them: a message has an end.
fn listed(items: &[String]) -> String {
    let shown: Vec<&str> = items.iter().take(10).map(String::as_str).collect();
    let more = items.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Users first, so that roles that nobody shall hold any more can go.
async fn carry_out(
    connection: &mut AnyConnection,
    decided: &[(&Item, &Subject)],
    by: Reviewer<'_>,
    now: Timestamp,
) -> Result<(), ReviewError> {
    for (item, subject) in decided {
        let Subject::User(user) = subject else { continue };
        match &item.decision()?.decision {
            Decision::Roles(wanted) => {
                sqlx::query("delete from assignments where user_id = $1")
                    .bind(&user.id)
                    .execute(&mut *connection)
                    .await?;
                roles::give(connection, &user.id, wanted, &by.user.name, now).await?;
            }
            Decision::Remove => {
                // What `users::set_state` does, inside this transaction.
                for text in [
                    "update users set state = 'deactivated', version = version + 1 where id = $1",
                    "delete from sessions where user_id = $1",
                    "delete from tokens where user_id = $1",
                ] {
                    sqlx::query(text).bind(&user.id).execute(&mut *connection).await?;
                }
            }
            Decision::Keep | Decision::Permissions(_) => {}
        }
    }
    for (item, subject) in decided {
        let Subject::Role(role) = subject else { continue };
        match &item.decision()?.decision {
            Decision::Permissions(wanted) => {
                let names: Vec<&str> = wanted.iter().map(|permission| permission.as_str()).collect();
                sqlx::query(
                    "update roles set permissions = $2, version = version + 1 where id = $1 and built_in = 0",
                )
                .bind(&role.id)
                .bind(serde_json::to_string(&names)?)
                .execute(&mut *connection)
                .await?;
            }
            Decision::Remove => remove_role(connection, &role.id).await?,
            Decision::Keep | Decision::Roles(_) => {}
        }
    }
    Ok(roles::keep_an_administrator(connection).await?)
}

async fn remove_role(connection: &mut AnyConnection, id: &str) -> Result<(), ReviewError> {
    let holders: i64 = sqlx::query_scalar("select count(*) from assignments where role_id = $1")
        .bind(id)
        .fetch_one(&mut *connection)
        .await?;
    if holders > 0 {
        return Err(roles::RoleError::Held { role: id.to_owned(), holders }.into());
    }
    sqlx::query("delete from roles where id = $1 and built_in = 0").bind(id).execute(connection).await?;
    Ok(())
}

fn recorded(item: &Item, before: &Subject, after: &Snapshot) -> Result<RecordItem, ReviewError> {
    let decided = item.decision()?;
    Ok(RecordItem {
        item: item.id.clone(),
        before: before.clone(),
        decision: decided.decision.clone(),
        note: decided.note.clone(),
        decided_by: decided.by.clone(),
        decided_at: decided.at.to_string(),
        own_decision: before.concerns(&decided.by.id),
        after: after.find(&item.id).cloned(),
    })
}

fn remarks(decided: &[(&Item, &Subject)], by: Reviewer<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    let own = |(item, subject): &(&Item, &Subject)| {
        item.decided.as_ref().is_some_and(|decided| subject.concerns(&decided.by.id))
    };
    if decided.iter().any(own) {
        remarks.push(ALONE.to_owned());
    }
    let deciders: std::collections::BTreeSet<&Person> =
        decided.iter().filter_map(|(item, _)| Some(&item.decided.as_ref()?.by)).collect();
    if deciders.iter().all(|decider| decider.id == by.user.id) {
        remarks.push("one person decided everything and signed it".to_owned());
    }
    remarks
}
