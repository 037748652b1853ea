//! One decision on one item.

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::{Decision, LONGEST_NOTE, ReviewError, Reviewer, Subject, item, lock, show_again, snapshot};
use crate::identity::roles;
use crate::ledger::{self, Happened, Said};
use crate::store::Store;

/// Decides on an item of an open review; decided on before, it is decided anew.
///
/// # Errors
/// Changed since it was shown, not his to decide, or a decision that does not fit.
pub(crate) async fn decide(
    store: &Store,
    review: &str,
    item_id: &str,
    by: Reviewer<'_>,
    (decision, note): (&Decision, &str),
    now: Timestamp,
) -> Result<(), ReviewError> {
    let note = note.trim();
    check_note(decision, note)?;
    let mut transaction = store.writer().begin().await?;
    lock(&mut transaction, review).await?;
    let shown = one(&mut transaction, review, item_id).await?;
    let snapshot = snapshot::take(&mut transaction, now).await?;
    let subject = snapshot.find(item_id).ok_or(ReviewError::UnknownItem)?;
    if !shown.stands_as(subject) {
        show_again(&mut transaction, review, subject).await?;
        transaction.commit().await?;
        return Err(ReviewError::Changed(item_id.to_owned()));
    }
    by.may_have(subject, decision)?;
    let own = subject.concerns(&by.user.id);
    if own {
        if let Some(other) = snapshot.other_reviewer(subject, &by.user.id) {
            return Err(ReviewError::Oneself(other.name));
        }
        // Nobody else can: it is permitted, and the record says so and why.
        if note.is_empty() {
            let why = "this decides on yourself and nobody else can; say in a note why it is right";
            return Err(ReviewError::Form(why.to_owned()));
        }
    }
    sqlx::query(
        "update review_items set decision = $3, note = $4, decided_by_id = $5, decided_by = $6,
             decided_at = $7, own = $8
         where review_id = $1 and id = $2",
    )
    .bind(review)
    .bind(item_id)
    .bind(serde_json::to_string(decision)?)
    .bind(note)
    .bind(&by.user.id)
    .bind(&by.user.name)
    .bind(now.as_millisecond())
    .bind(i64::from(own))
    .execute(&mut *transaction)
    .await?;
    // Roles that there are not are told now, not when it is signed.
    try_out(&mut transaction, subject, decision, by, now).await?;
    let said = Said::done(Happened::ReviewDecided).on("review", review, None).with("item", item_id);
    ledger::note(&mut transaction, said.with("decision", serde_json::to_string(decision)?)).await?;
    Ok(transaction.commit().await?)
}

fn check_note(decision: &Decision, note: &str) -> Result<(), ReviewError> {
    if note.len() > LONGEST_NOTE {
        return Err(ReviewError::Form(format!("a note has at most {LONGEST_NOTE} bytes")));
    }
    if note.is_empty() && *decision != Decision::Keep {
        return Err(ReviewError::Form("say in a note why this is changed or removed".to_owned()));
    }
    Ok(())
}

async fn one(connection: &mut AnyConnection, review: &str, id: &str) -> Result<Subject, ReviewError> {
    let row = sqlx::query(
        "select id, found, decision, note, decided_by_id, decided_by, decided_at, own
         from review_items where review_id = $1 and id = $2",
    )
    .bind(review)
    .bind(id)
    .fetch_optional(connection)
    .await?;
    Ok(item(row.as_ref().ok_or(ReviewError::UnknownItem)?)?.found)
}

/// Whether the decision fits its subject and could be carried out: tried, and taken back.
async fn try_out(
    connection: &mut AnyConnection,
    subject: &Subject,
    decision: &Decision,
    by: Reviewer<'_>,
    now: Timestamp,
) -> Result<(), ReviewError> {
    use sqlx::Connection as _;
    match (subject, decision) {
        (_, Decision::Keep | Decision::Remove) | (Subject::Role(_), Decision::Permissions(_)) => Ok(()),
        (Subject::User(user), Decision::Roles(wanted)) => {
            let mut trial = connection.begin().await?;
            sqlx::query("delete from assignments where user_id = $1")
                .bind(&user.id)
                .execute(&mut *trial)
                .await?;
            roles::give(&mut trial, &user.id, wanted, &by.user.name, now).await?;
            Ok(trial.rollback().await?)
        }
        (Subject::User(_), Decision::Permissions(_)) => {
            Err(ReviewError::Form("a user is changed by `roles`, not by `permissions`".to_owned()))
        }
        (Subject::Role(_), Decision::Roles(_)) => {
            Err(ReviewError::Form("a role is changed by `permissions`, not by `roles`".to_owned()))
        }
    }
}
