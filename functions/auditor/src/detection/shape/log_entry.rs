//! Cloud Logging API v2, `LogEntry`; `google.cloud.audit.AuditLog`.

use super::Shape;
use super::Shape::{Anything, Flag, List, Map, Number, Text};

pub(super) static LOG_ENTRY: Shape = Shape::Object {
    required: &[
        ("logName", &Text),
        ("insertId", &Text),
        ("timestamp", &Text),
        ("resource", &RESOURCE),
    ],
    optional: &[
        ("receiveTimestamp", &Text),
        ("severity", &Text),
        ("labels", &Map(&Text)),
        ("operation", &OPERATION),
        ("protoPayload", &AUDIT_LOG),
        ("jsonPayload", &Map(&Anything)),
        ("textPayload", &Text),
        ("httpRequest", &Map(&Anything)),
        ("metadata", &Map(&Anything)),
        ("trace", &Text),
        ("spanId", &Text),
        ("traceSampled", &Flag),
        ("sourceLocation", &Map(&Anything)),
        ("split", &Map(&Anything)),
        ("errorGroups", &List(&Anything)),
        ("apphub", &Anything),
        ("apphubDestination", &Anything),
        ("apphubSource", &Anything),
        ("otel", &Anything),
    ],
};

static RESOURCE: Shape = Shape::Object {
    required: &[("type", &Text)],
    optional: &[("labels", &Map(&Text))],
};

static OPERATION: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("id", &Text),
        ("producer", &Text),
        ("first", &Flag),
        ("last", &Flag),
    ],
};

static AUDIT_LOG: Shape = Shape::Object {
    required: &[
        ("@type", &Text),
        ("serviceName", &Text),
        ("methodName", &Text),
    ],
    optional: &[
        ("resourceName", &Text),
        ("resourceLocation", &Map(&List(&Text))),
        ("resourceOriginalState", &Map(&Anything)),
        ("numResponseItems", &Number),
        ("status", &STATUS),
        ("authenticationInfo", &AUTHENTICATION),
        ("authorizationInfo", &List(&AUTHORIZATION)),
        ("policyViolationInfo", &Map(&Anything)),
        ("requestMetadata", &REQUEST_METADATA),
        ("request", &Map(&Anything)),
        ("response", &Map(&Anything)),
        ("metadata", &Map(&Anything)),
        ("serviceData", &Map(&Anything)),
    ],
};

static STATUS: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("code", &Number),
        ("message", &Text),
        ("details", &List(&Map(&Anything))),
    ],
};

static AUTHENTICATION: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("principalEmail", &Text),
        ("principalSubject", &Text),
        ("authoritySelector", &Text),
        ("thirdPartyPrincipal", &Map(&Anything)),
        ("serviceAccountKeyName", &Text),
        ("serviceAccountDelegationInfo", &List(&DELEGATION)),
        ("serviceDelegationHistory", &Map(&Anything)),
        ("oauthInfo", &Map(&Anything)),
        ("loggableShortLivedCredential", &Map(&Anything)),
    ],
};

static DELEGATION: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("principalSubject", &Text),
        ("firstPartyPrincipal", &Map(&Anything)),
        ("thirdPartyPrincipal", &Map(&Anything)),
    ],
};

static AUTHORIZATION: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("resource", &Text),
        ("permission", &Text),
        ("permissionType", &Text),
        ("granted", &Flag),
        ("resourceAttributes", &Map(&Anything)),
    ],
};

static REQUEST_METADATA: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("callerIp", &Text),
        ("callerSuppliedUserAgent", &Text),
        ("callerNetwork", &Text),
        ("requestAttributes", &Map(&Anything)),
        ("destinationAttributes", &Map(&Anything)),
    ],
};
