//! Messages: sending, listing, deleting, and what filters did to them.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json,
    extract::{DefaultBodyLimit, OriginalUri, State},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
};
use mortise_runtime::{
    limits::PAGE,
    types::{Application, Content, Draft},
};
use mortise_store::{ApplicationRow, Listing, MessageRow, Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::UtoipaMethodRouterExt as _, routes};

use super::{
    ApiError, Routes,
    error::required,
    extract::{Client, Expiry, Fields, Id, Object, Parameters, SentExpiry},
    model,
    plugins::PluginCall,
};
use crate::{
    auth::{Caller, Sending},
    house,
    pipeline::{
        ChangedLabel, Field, Label, Posted, Sender, TraceEntry, contract_priority, stored_trace,
    },
    rate::TooFast,
    state::AppState,
};

/// Names the plugin whose filter dropped a message.
const DROPPED_BY: HeaderName = HeaderName::from_static("mortise-dropped-by");
/// Messages on a page if the request does not say.
const DEFAULT_PAGE: u32 = 100;

pub(super) fn routes(routes: Routes) -> Routes {
    // Escaped, a message is up to three times as long.
    let most = routes.state().config.max_message_size.bytes();
    let body = DefaultBodyLimit::max(most.saturating_mul(3).saturating_add(1 << 20));
    routes
        .sender(routes!(create).layer(body))
        .client(routes!(list, delete_all))
        .sender(routes!(update).layer(body))
        .client(routes!(delete))
        .client(routes!(trace))
        .client(routes!(calls))
        .client(routes!(list_of_application, delete_of_application))
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
struct CreateMessage {
    /// The application it comes from, where no application's token says so.
    #[serde(default)]
    appid: i64,
    /// Its text; Markdown without HTML. At most `max-message-size` together with
    /// title and extras.
    #[serde(default)]
    #[schema(required)]
    message: String,
    /// Its title; if it is empty, the application's name.
    #[serde(default)]
    title: String,
    /// 0 (silent) to 10 (urgent) by convention; else the application's. A text of
    /// digits is accepted as well.
    priority: Option<i64>,
    /// Additional data, an object; in a form, the text of a JSON object.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, serde_json::Value>>)]
    extras: Object,
    /// The time at which it is deleted, RFC 3339, or seconds or milliseconds since
    /// 1970; never if it is left out or cannot be read.
    #[serde(default, rename = "expiresAt")]
    #[schema(value_type = Option<String>)]
    expires_at: SentExpiry,
}

/// Sends a message. One that a filter drops answers 200 with id 0 and the
/// header `mortise-dropped-by`, and is not stored.
#[utoipa::path(post, path = "/message", tag = "message", request_body = CreateMessage, responses(
    (status = 200, body = model::Message),
    (status = 400, description = "A field is missing, malformed or not yours."),
    (status = 413, description = "A field is too long."),
    (status = 429, description = "The application or the address sends too much."),
    (status = 503, description = "A filter failed, and the user wants messages rejected then."),
))]
async fn create(
    State(state): State<AppState>,
    sending: Sending,
    Client(client): Client,
    Fields(new): Fields<CreateMessage>,
) -> Result<Response, ApiError> {
    let (application, token) = match sending {
        Sending::As(application, token) => (application, Some(token)),
        Sending::By(_) if new.appid == 0 => {
            return Err(ApiError::bad_request(
                "appid is required when not authenticating with an application token",
            ));
        }
        Sending::By(caller) => {
            let application = state.store.application(caller.user.id, new.appid).await?;
            let application =
                application.ok_or_else(|| ApiError::bad_request("appid not found"))?;
            (Arc::new(application), None)
        }
    };
    required("message", &new.message)?;
    take_one(&state, &application, client)?;
    let priority = new.priority.unwrap_or(application.default_priority);
    let label = Label {
        priority,
        // Gotify has no such times, and a message counts more than its end.
        expires_ms: new
            .expires_at
            .0
            .filter(|_| state.pipeline.keeps_messages().is_ok()),
        token: token.as_ref(),
    };
    let draft = draft(&application, new, priority, state.now_ms());
    let sent = draft.content.clone();
    let sender = Sender::Application;
    let posted = state
        .pipeline
        .post_with(application.user_id, draft, label, sender)
        .await?;
    Ok(answer(posted, &application, sent, priority, state.now_ms()))
}

/// Takes one message of an application's rate and of its client's.
fn take_one(state: &AppState, application: &ApplicationRow, client: IpAddr) -> Result<(), TooFast> {
    let limits = &state.settings_now().limits;
    state.rates.take(limits, application.id, client)
}

/// The answer about a message. One that a filter dropped has the content that was
/// sent.
fn answer(
    posted: Posted,
    application: &ApplicationRow,
    sent: Content,
    priority: i64,
    now_ms: i64,
) -> Response {
    match posted {
        Posted::Stored(message) => Json(model::Message::from(message)).into_response(),
        Posted::Dropped { by, .. } => {
            let unstored = MessageRow {
                id: 0,
                application_id: application.id,
                user_id: application.user_id,
                title: sent.title,
                body: sent.body,
                priority,
                extras: sent.extras,
                created_ms: now_ms,
                expires_ms: None,
            };
            // Plugins' names may have characters that headers may not.
            let by = HeaderValue::from_str(&by.escape_default().to_string())
                .unwrap_or(HeaderValue::from_static("a plugin"));
            ([(DROPPED_BY, by)], Json(model::Message::from(unstored))).into_response()
        }
    }
}

/// A change of a message: the fields that are named.
#[derive(Deserialize, ToSchema)]
struct UpdateMessage {
    /// The text.
    message: Option<String>,
    /// The title; if it is empty, the application's name.
    title: Option<String>,
    /// The priority.
    priority: Option<i64>,
    /// Additional data, an object, in place of all there was.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, serde_json::Value>>)]
    extras: Object,
    /// The time at which it is deleted, RFC 3339, or seconds or milliseconds since
    /// 1970; an empty text for never.
    #[serde(default, rename = "expiresAt")]
    #[schema(value_type = Option<String>)]
    expires_at: Expiry,
}

impl UpdateMessage {
    /// Returns true if filters and clients have nothing to do with it.
    const fn keeps_content(&self) -> bool {
        self.message.is_none()
            && self.title.is_none()
            && self.priority.is_none()
            && self.extras.0.is_none()
    }

    const fn names(&self, field: Field) -> bool {
        match field {
            Field::Title => self.title.is_some(),
            Field::Message => self.message.is_some(),
            Field::Priority => self.priority.is_some(),
            Field::Extras => self.extras.0.is_some(),
        }
    }
}

/// Changes a message: its application, or its user, gives it new texts, another priority,
/// other extras, or another time at which it is deleted. It keeps its number and its time.
/// Filters decide about it again, and connected clients receive it again with the same
/// number; listeners do not. One that a filter drops answers as with `POST /message`, and the
/// message stays as it was. A change of nothing but `expiresAt` asks no filter and tells no
/// client.
#[utoipa::path(put, path = "/message/{id}", tag = "message", params(("id" = i64, Path)),
    request_body = UpdateMessage, responses(
    (status = 200, body = model::Message),
    (status = 400, description = "A field is malformed, or the text would be empty."),
    (status = 404, description = "The caller has no such message."),
    (status = 409, description = "A filter changed the message, and the server has not kept a field \
        as it was sent: the change must name it."),
    (status = 413, description = "A field is too long."),
    (status = 429, description = "The application or the address sends too much."),
    (status = 503, description = "A filter failed, and the user wants messages rejected then."),
))]
async fn update(
    State(state): State<AppState>,
    sending: Sending,
    Client(client): Client,
    Id(id): Id,
    Fields(change): Fields<UpdateMessage>,
) -> Result<Response, ApiError> {
    let user = match &sending {
        Sending::As(application, _) => application.user_id,
        Sending::By(caller) => caller.user.id,
    };
    // Else two changes of different fields at a time would lose one.
    let _turn = state.changes.of(id).await;
    let message = state.store.message(user, id).await?;
    let message = message.ok_or_else(no_message)?;
    let application = match sending {
        // An application has only its own messages.
        Sending::As(own, _) if own.id != message.application_id => return Err(no_message()),
        Sending::As(own, _) => own,
        Sending::By(_) => {
            let application = state.store.application(user, message.application_id);
            Arc::new(application.await?.ok_or_else(no_message)?)
        }
    };
    if change.keeps_content()
        && let Some(expires_ms) = change.expires_at.0
    {
        let message = expire(&state, user, id, expires_ms).await?;
        return Ok(Json(model::Message::from(message)).into_response());
    }
    let given_priority = contract_priority(message.priority);
    let stored = Content {
        title: message.title,
        body: message.body,
        priority: given_priority,
        extras: message.extras,
    };
    // The filters are asked again.
    let before = as_sent(&state, user, id, stored, &change).await?;
    let priority = match change.priority {
        Some(priority) => priority,
        // Beyond those that filters know.
        None if before.priority == given_priority => message.priority,
        None => before.priority.into(),
    };
    let new = CreateMessage {
        appid: application.id,
        message: change.message.unwrap_or(before.body),
        title: change.title.unwrap_or(before.title),
        priority: Some(priority),
        extras: match change.extras {
            Object(None) => Object(before.extras),
            named => named,
        },
        expires_at: SentExpiry(None),
    };
    required("message", &new.message)?;
    take_one(&state, &application, client)?;
    let draft = draft(&application, new, priority, state.now_ms());
    let sent = draft.content.clone();
    let sender = Sender::Application;
    let expires = change.expires_at.0;
    let change = ChangedLabel { priority, expires };
    let updated = state
        .pipeline
        .update(user, id, draft, change, sender)
        .await?;
    let posted = updated.ok_or_else(no_message)?;
    Ok(answer(posted, &application, sent, priority, state.now_ms()))
}

/// A message as its sender sent it, in the fields that the change does not name.
async fn as_sent(
    state: &AppState,
    user: i64,
    id: i64,
    stored: Content,
    change: &UpdateMessage,
) -> Result<Content, ApiError> {
    let trace = state.store.message_trace(user, id).await?;
    let Some(trace) = trace.ok_or_else(no_message)? else {
        return Ok(stored);
    };
    let not_kept = || {
        ApiError::new(
            StatusCode::CONFLICT,
            "a filter changed the message, and the server has not kept all of it as it was sent; \
             send `title`, `message`, `priority` and `extras` together",
        )
    };
    if trace == stored_trace::UNKNOWN {
        let is_whole = Field::ALL.iter().all(|field| change.names(*field));
        return is_whole.then_some(stored).ok_or_else(not_kept);
    }
    let trace = stored_trace::read(&state.store, &trace)
        .await
        .map_err(ApiError::internal)?;
    trace
        .into_iter()
        .rev()
        .try_fold(stored, |content, mut entry| {
            entry.changes.retain(|one| !change.names(one.field));
            entry.before(content)
        })
        .ok_or_else(not_kept)
}

/// Sets the time at which a message is deleted; none for never.
async fn expire(
    state: &AppState,
    user: i64,
    id: i64,
    expires_ms: Option<i64>,
) -> Result<MessageRow, ApiError> {
    state.pipeline.keeps_messages()?;
    let set = state.store.set_message_expiry(user, id, expires_ms).await?;
    set.ok_or_else(no_message)
}

fn draft(application: &ApplicationRow, new: CreateMessage, priority: i64, now_ms: i64) -> Draft {
    let title = match new.title.trim() {
        "" => application.name.clone(),
        _ => new.title,
    };
    Draft {
        application: Application {
            id: application.id.cast_unsigned(),
            name: application.name.clone(),
        },
        content: Content {
            title,
            body: new.message,
            priority: contract_priority(priority),
            extras: new.extras.0,
        },
        received_ms: now_ms.cast_unsigned(),
    }
}

/// Selects a part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many, 1 to 200; 100 if it is left out. A page has fewer if the messages
    /// are long.
    limit: Option<u32>,
    /// Only messages with a smaller id than this.
    since: Option<u64>,
}

impl Paging {
    pub(super) fn limit(&self) -> Result<u32, ApiError> {
        match self.limit.unwrap_or(DEFAULT_PAGE) {
            0 => Err(ApiError::bad_request(
                "Field 'limit' must be more or equal to 1",
            )),
            limit if limit > PAGE => Err(ApiError::bad_request(format!(
                "Field 'limit' must be less or equal to {PAGE}"
            ))),
            limit => Ok(limit),
        }
    }

    pub(super) fn page(&self) -> Result<Page, ApiError> {
        Ok(Page {
            before: match self.since {
                None | Some(0) => None,
                Some(since) => Some(i64::try_from(since).unwrap_or(i64::MAX)),
            },
            limit: i64::from(self.limit()?),
        })
    }
}

/// Describes a page of `size` rows that ends with the row `last`. `more` tells
/// whether there is another page.
pub(super) fn paging(
    path: &str,
    limit: u32,
    (size, last): (usize, Option<i64>),
    more: bool,
) -> model::Paging {
    let since = last.filter(|_| more).unwrap_or(0);
    model::Paging {
        next: more.then(|| format!("{path}?limit={limit}&since={since}")),
        size,
        since,
        limit,
    }
}

fn paged(path: &str, limit: u32, listing: Listing) -> Json<model::PagedMessages> {
    let Listing { messages, more } = listing;
    let end = (messages.len(), messages.last().map(|row| row.id));
    Json(model::PagedMessages {
        paging: paging(path, limit, end, more),
        messages: messages.into_iter().map(model::Message::from).collect(),
    })
}

/// Lists messages, newest first.
#[utoipa::path(get, path = "/message", tag = "message", params(Paging), responses(
    (status = 200, body = model::PagedMessages),
))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<model::PagedMessages>, ApiError> {
    let listing = state.store.messages(caller.user.id, paging.page()?).await?;
    Ok(paged(uri.path(), paging.limit()?, listing))
}

/// Deletes all messages.
#[utoipa::path(delete, path = "/message", tag = "message", responses((status = 200)))]
async fn delete_all(State(state): State<AppState>, caller: Caller) -> Result<StatusCode, ApiError> {
    state.store.delete_messages(caller.user.id).await?;
    Ok(StatusCode::OK)
}

/// Deletes a message.
#[utoipa::path(delete, path = "/message/{id}", tag = "message",
    params(("id" = i64, Path)), responses((status = 200), (status = 404)))]
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    if state.store.delete_message(caller.user.id, id).await? {
        Ok(StatusCode::OK)
    } else {
        Err(no_message())
    }
}

/// Shows what each filter did to a message before it was stored. If the server keeps no
/// trace of the message, the only entry has the action `not_kept` and the reason.
#[utoipa::path(get, path = "/message/{id}/trace", tag = "message",
    params(("id" = i64, Path)), responses((status = 200, body = Vec<TraceEntry>), (status = 404)))]
async fn trace(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Vec<TraceEntry>>, ApiError> {
    trace_of(&state, caller.user.id, id).await.map(Json)
}

/// The calls of plugins that concern a message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CallsAbout {
    /// The caller's plugin from whose application it came, also if the plugin sent it for
    /// another user; absent if it came from no plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    of_plugin: Option<OfPlugin>,
    /// Those in which the caller's plugin sent it. A call for another user is not shown.
    sent_in: Vec<PluginCall>,
    /// Those in which a plugin's listener was given it, failed ones included.
    delivered_in: Vec<PluginCall>,
}

/// A plugin from which a message came.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OfPlugin {
    /// The plugin, as in `/plugin/{id}`.
    plugin: i64,
    /// The manifest's id.
    module_path: String,
}

/// Shows the plugin from which a message came, and the calls in which a plugin sent the
/// message or was given it, oldest first.
#[utoipa::path(get, path = "/message/{id}/calls", tag = "message",
    params(("id" = i64, Path)), responses((status = 200, body = CallsAbout), (status = 404)))]
async fn calls(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<CallsAbout>, ApiError> {
    let user = caller.user.id;
    state
        .store
        .message_trace(user, id)
        .await?
        .ok_or_else(no_message)?;
    state.plugins.store_call_traces().await?;
    let of_plugin = state.store.plugin_of_message(user, id).await?;
    Ok(Json(CallsAbout {
        of_plugin: of_plugin.map(|(plugin, module_path)| OfPlugin {
            plugin,
            module_path,
        }),
        sent_in: PluginCall::of(state.store.calls_that_sent(user, id).await?),
        delivered_in: PluginCall::of(state.store.deliveries_of(user, id).await?),
    }))
}

/// The effect of each filter on a message, or one entry with the reason for which it is not
/// kept.
async fn trace_of(state: &AppState, user: i64, id: i64) -> Result<Vec<TraceEntry>, ApiError> {
    let trace = state.store.message_trace(user, id).await?;
    let trace = trace.ok_or_else(no_message)?;
    if let Some(stored) = &trace
        && stored != stored_trace::UNKNOWN
    {
        return stored_trace::read(&state.store, stored)
            .await
            .map_err(ApiError::internal);
    }
    let message = state.store.message(user, id).await?;
    let message = message.ok_or_else(no_message)?;
    let age = state.settings().retention.keep_traces_for;
    let reason = if message.created_ms < house::ago(state, age) {
        let age = humantime::format_duration(age);
        format!("the server keeps traces for {age}, and this message is older")
    } else if trace.is_some() || !state.config.keep_traces {
        "the server kept no trace when the message passed its filters".to_owned()
    } else {
        return Ok(Vec::new());
    };
    Ok(vec![TraceEntry::not_kept(reason)])
}

/// Lists messages of an application, newest first.
#[utoipa::path(get, path = "/application/{id}/message", tag = "message",
    params(("id" = i64, Path), Paging),
    responses((status = 200, body = model::PagedMessages), (status = 404)))]
async fn list_of_application(
    State(state): State<AppState>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    Id(id): Id,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<model::PagedMessages>, ApiError> {
    let page = paging.page()?;
    require_application(&state, &caller, id).await?;
    let listing = state
        .store
        .application_messages(caller.user.id, id, page)
        .await?;
    Ok(paged(uri.path(), paging.limit()?, listing))
}

/// Deletes all messages of an application.
#[utoipa::path(delete, path = "/application/{id}/message", tag = "message",
    params(("id" = i64, Path)), responses((status = 200), (status = 404)))]
async fn delete_of_application(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    require_application(&state, &caller, id).await?;
    state
        .store
        .delete_application_messages(caller.user.id, id)
        .await?;
    Ok(StatusCode::OK)
}

async fn require_application(state: &AppState, caller: &Caller, id: i64) -> Result<(), ApiError> {
    match state.store.application(caller.user.id, id).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::not_found("application does not exist")),
    }
}

fn no_message() -> ApiError {
    ApiError::not_found("message does not exist")
}
