//! The stable types of problems (RFC 9457), all of them in one place: clients branch on them, so none changes its meaning.

/// A type of problem.
#[derive(Clone, Copy, Debug)]
pub struct ProblemType {
    /// The last part of `urn:sluicebox:problem:...`.
    pub kind: &'static str,
    /// The statuses it comes with.
    pub statuses: &'static [u16],
    /// When it comes.
    pub meaning: &'static str,
}

impl ProblemType {
    /// The type of this name.
    #[must_use]
    pub fn of(kind: &str) -> Option<&'static Self> {
        PROBLEM_TYPES.iter().find(|known| known.kind == kind)
    }
}

const fn of(kind: &'static str, statuses: &'static [u16], meaning: &'static str) -> ProblemType {
    ProblemType { kind, statuses, meaning }
}

/// All of them, by name.
pub const PROBLEM_TYPES: &[ProblemType] = &[
    of("address-not-allowed", &[403], "the sender's address is not one that the source takes events from"),
    of("already-delivered", &[409], "the delivery was delivered; it is sent again only where the call says so"),
    of("audit-unavailable", &[503], "the audit log could not be written, so nothing was done"),
    of("backup-under-way", &[409], "a backup is being made already"),
    of("bad-body", &[400, 413], "the body is not what this call takes, or is larger than it may be"),
    of("bad-document", &[400], "the JSON of the body is not of the shape that this call takes"),
    of("bad-event", &[400], "an event of the call is not of the shape that events have"),
    of("bad-main-key", &[422], "the main key is not 64 hexadecimal digits"),
    of("bad-parameter", &[400], "a part of the path, or a header, is not of its form"),
    of("bad-query", &[400], "the query has a parameter that there is not, or a value that it cannot have"),
    of("body-broken", &[400], "the body ended early or could not be read"),
    of("body-not-decodable", &[400], "the body is not in the format that the source decodes"),
    of("body-rate", &[408], "the body came more slowly than is taken"),
    of("body-ratio", &[413], "the body is compressed further than is taken"),
    of("body-too-large", &[413], "the body has more bytes than the source or the call takes"),
    of("body-too-slow", &[408], "the body came too slowly, or not at all"),
    of("body-undecodable", &[400], "the body's content coding is broken"),
    of("busy", &[503], "as much is under way as the host does at once"),
    of("cloudevents-format", &[415], "the format of CloudEvents is not one that is known"),
    of("compiling", &[503], "the component is compiled just now"),
    of("component-refused", &[422], "the bytes are no plugin that may run here"),
    of("confirmation-late", &[410], "the attempt that the URL confirms is over"),
    of("content-encoding", &[415], "the body's content coding is not one that is taken"),
    of("disabled", &[409], "the destination is disabled"),
    of("headers-too-large", &[431], "the headers are more than may be stored"),
    of("idempotency-key-reused", &[422], "the `Idempotency-Key` was another call's"),
    of("idempotency-under-way", &[409], "the first call with the `Idempotency-Key` is still under way"),
    of("in-use", &[422], "the document is named by others, and stays"),
    of("internal", &[500], "a fault of the server"),
    of("invalid", &[422], "what is asked to be explained cannot be"),
    of("invalid-document", &[422], "a document is refused; `problems` says where and why"),
    of("invalid-value", &[422], "a member of the body cannot have its value; `pointer` says which, `detail` why"),
    of("keys-unavailable", &[503], "the keys of the source's issuer could not be fetched"),
    of("limit-reached", &[409], "there are as many as there may be"),
    of("main-key-not-given", &[422], "the host cannot make a new main key where its own comes from"),
    of("method-not-allowed", &[405], "the resource is there, but not for this method; the `Allow` header names those that are"),
    of("no-failed-run", &[404], "no run of the rule on the event has failed last"),
    of("no-key", &[401], "there is no key, or it is none that is good"),
    of("no-origin", &[400], "a CloudEvents handshake lacks its origin"),
    of("no-randomness", &[503], "the system gave no random numbers"),
    of("not-a-cloudevent", &[400], "the request is no CloudEvent"),
    of("not-answered-yet", &[409], "the attempt that the URL confirms is still under way"),
    of("not-compiled", &[503], "the component could not be compiled for now"),
    of("not-dead", &[409], "what was not given up has nothing to be retried"),
    of("not-granted", &[403], "the key cannot give or manage what it has not itself"),
    of("not-pull", &[409], "the destination is not of kind `pull`"),
    of("not-verified", &[401], "the request does not prove that it is its source's"),
    of("nothing-left", &[409], "nothing is left to take up"),
    of("origin-not-allowed", &[403], "the origin of a CloudEvents handshake is not one that the source takes"),
    of("precondition-failed", &[412], "the document is not as `If-Match` or `If-None-Match` expects it"),
    of("query-too-slow", &[422], "the query took too long; narrow it"),
    of("quota-reached", &[409], "the workspace may have no more of it; `detail` names the quota"),
    of("rate", &[429], "the source takes no more requests for now"),
    of("request-too-slow", &[503], "the request took too long as a whole"),
    of("revision-changed", &[412], "another revision is in force than the one that this was made to; `revision` says which"),
    of("revision-gone", &[409, 410], "the revision, or that which the run is pinned to, is not kept any more"),
    of("revision-unavailable", &[503], "the revision that the run is pinned to cannot be read for now"),
    of("rule-gone", &[409], "the rule is not there any more"),
    of("same-main-key", &[422], "the main key that is given is the one in use"),
    of("schema", &[422], "the event does not fit the source's schema"),
    of("scope-missing", &[403], "the key lacks the scope that `scope` names"),
    of("storage-full", &[503], "there is no space for events"),
    of("storage-slow", &[503], "the event was not stored in time"),
    of("storage-unavailable", &[503], "a store did not answer"),
    of("too-many-at-once", &[429], "the source has as many requests under way as it takes"),
    of("too-many-calls", &[429], "the key makes more calls than it may"),
    of("too-many-events", &[413], "the call has more events than one may have"),
    of("too-many-polls", &[429], "as many calls wait for messages as may, in all or of this workspace"),
    of("too-many-streams", &[503], "as many streams are open as may be, in all or of this workspace"),
    of("too-many-wrong-keys", &[429], "too many wrong keys came from the address"),
    of("unknown-batch", &[404], "there is no such batch"),
    of("unknown-component", &[404], "no plugin of the workspace names such a component, or its bytes are gone"),
    of("unknown-confirmation", &[404], "the URL confirms nothing"),
    of("unknown-delivery", &[404], "there is no such delivery"),
    of("unknown-event", &[404], "there is no such event"),
    of("unknown-key", &[404], "there is no such key that the caller manages"),
    of("unknown-name", &[404], "there is no document of this name"),
    of("unknown-revision", &[404], "the workspace has no such revision"),
    of("unknown-route", &[404], "there is nothing at this path"),
    of("unknown-run", &[404], "there is no such run"),
    of("unknown-source", &[404], "there is no source of this name"),
    of("unknown-version", &[404], "the plugin has no such version"),
    of("unknown-workspace", &[404], "there is no workspace of this name"),
    of("verifier-busy", &[503], "as many requests are verified by plugins as may be"),
    of("verifier-failed", &[503], "the source's verify plugin failed"),
    of("version-not-ready", &[409], "the version is not compiled yet, or failed to be"),
    of("versions-gone", &[409], "versions that the run is pinned to are not kept any more"),
    of("workspace-exists", &[409], "there is a workspace of this name already"),
    of("workspace-forbidden", &[403], "the key is not for the workspace that the call names"),
    of("workspace-not-empty", &[409], "the workspace has documents or keys, and stays"),
    of("workspace-rate", &[429], "the workspace takes no more events for now"),
    of("workspace-remains", &[409], "events of an earlier workspace of this name are kept still"),
];
