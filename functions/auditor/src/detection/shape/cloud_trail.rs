//! CloudTrail user guide, record contents up to event version 1.11 and `userIdentity`.

use super::Shape;
use super::Shape::{Anything, Flag, List, Map, Text};

pub(super) static RECORD: Shape = Shape::Object {
    required: &[
        ("eventVersion", &Text),
        ("userIdentity", &IDENTITY),
        ("eventTime", &Text),
        ("eventSource", &Text),
        ("eventName", &Text),
        ("awsRegion", &Text),
        ("eventID", &Text),
    ],
    optional: &[
        ("sourceIPAddress", &Text),
        ("userAgent", &Text),
        ("errorCode", &Text),
        ("errorMessage", &Text),
        // An object, or nothing.
        ("requestParameters", &Anything),
        ("responseElements", &Anything),
        ("additionalEventData", &Anything),
        ("requestID", &Text),
        ("eventType", &Text),
        ("apiVersion", &Text),
        ("managementEvent", &Flag),
        ("readOnly", &Flag),
        ("resources", &List(&RESOURCE)),
        ("recipientAccountId", &Text),
        ("serviceEventDetails", &Anything),
        ("sharedEventID", &Text),
        ("vpcEndpointId", &Text),
        ("vpcEndpointAccountId", &Text),
        ("networkActivityEventDetails", &Anything),
        ("eventCategory", &Text),
        ("addendum", &Map(&Text)),
        // AWS writes the word, not the value.
        ("sessionCredentialFromConsole", &Anything),
        ("eventContext", &Map(&Anything)),
        ("edgeDeviceDetails", &Anything),
        ("tlsDetails", &Map(&Text)),
    ],
};

static IDENTITY: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("type", &Text),
        ("userName", &Text),
        ("principalId", &Text),
        ("arn", &Text),
        ("accountId", &Text),
        ("accessKeyId", &Text),
        ("sessionContext", &SESSION),
        ("invokedBy", &Text),
        ("invokedByDelegate", &Anything),
        ("sessionIssuer", &Map(&Text)),
        ("webIdFederationData", &Anything),
        ("identityProvider", &Text),
        ("credentialId", &Text),
        ("onBehalfOf", &Map(&Text)),
        ("inScopeOf", &Map(&Anything)),
    ],
};

static SESSION: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("sessionIssuer", &Map(&Text)),
        ("webIdFederationData", &Map(&Anything)),
        ("attributes", &Map(&Text)),
        ("sourceIdentity", &Text),
        ("ec2RoleDelivery", &Text),
        ("assumedRoot", &Anything),
    ],
};

static RESOURCE: Shape = Shape::Object {
    required: &[],
    optional: &[
        ("ARN", &Text),
        ("ARNPrefix", &Text),
        ("accountId", &Text),
        ("type", &Text),
    ],
};
