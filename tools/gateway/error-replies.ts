/** An error that the gateway makes itself, as every protocol has to see it. */
export interface ErrorReply {
  readonly reason: string;
  readonly when: Condition;
  /** Status to answer with in place of Envoy's own. */
  readonly status?: number;
  /** google.rpc.Code for REST callers. */
  readonly code: number;
  /** What gRPC callers get, where it is another code than for REST: Envoy's own translation of the HTTP status. */
  readonly grpcCode?: number;
  /** gRPC callers get `code`, where Envoy's own translation of the HTTP status would be another one. */
  readonly setsGrpcStatus?: boolean;
  readonly connectCode: string;
  /** What to say. "%LOCAL_REPLY_BODY%" stands for what Envoy would say. */
  readonly message: string;
  /** Only REST callers see it. */
  readonly isOfRest?: boolean;
  /** Tells what Envoy would say beside the message. */
  readonly tellsCause?: boolean;
  /** After how many seconds another attempt makes sense. */
  readonly retryDelaySeconds?: number;
}

/** Which of Envoy's own answers is meant: by HTTP status, by Envoy's response code details, or by the route. */
export type Condition =
  | { readonly status: number }
  | { readonly statusFrom: number }
  | { readonly details: string }
  | { readonly detailsPrefix: string }
  | { readonly route: string; readonly status?: number };

const again = { retryDelaySeconds: 1 };

/**
 * All of them; the first whose condition holds is sent. Reasons are those that the services use for the same thing, so a
 * caller need not know who refused.
 */
export const errorReplies: readonly ErrorReply[] = [
  {
    reason: "KEYS_UNAVAILABLE",
    when: { details: "jwt_authn_access_denied{Jwks_remote_fetch_is_failed}" },
    // Not 401: the token may be good, and nobody should log out because of this.
    status: 503,
    code: 14,
    connectCode: "unavailable",
    message: "access tokens cannot be checked at the moment",
    ...again,
  },
  {
    reason: "MISSING_TOKEN",
    when: { details: "jwt_authn_access_denied{Jwt_is_missing}" },
    code: 16,
    connectCode: "unauthenticated",
    message: "this method needs an access token",
  },
  {
    reason: "TOKEN_EXPIRED",
    when: { details: "jwt_authn_access_denied{Jwt_is_expired}" },
    code: 16,
    connectCode: "unauthenticated",
    message: "the access token has expired",
  },
  {
    reason: "INVALID_TOKEN",
    when: { detailsPrefix: "jwt_authn_access_denied" },
    // Envoy says 403 for another audience.
    status: 401,
    code: 16,
    connectCode: "unauthenticated",
    message: "the access token is not valid",
  },
  {
    reason: "ADMIN_REQUIRED",
    when: { detailsPrefix: "rbac_access_denied" },
    code: 7,
    connectCode: "permission_denied",
    message: "this method is for administrators",
  },
  {
    reason: "ROUTE_NOT_FOUND",
    when: { status: 404 },
    code: 5,
    grpcCode: 12,
    connectCode: "unimplemented",
    message: "there is no such method or path",
  },
  {
    // Of the path or the query: Envoy names the parameter.
    reason: "MALFORMED_REQUEST",
    when: { detailsPrefix: "early_grpc_json_transcode_failure" },
    isOfRest: true,
    code: 3,
    connectCode: "invalid_argument",
    message: "%LOCAL_REPLY_BODY%",
  },
  {
    // Envoy's words quote the body over several lines, so they are no message; they do point at the fault.
    reason: "MALFORMED_REQUEST",
    when: { detailsPrefix: "grpc_json_transcode_failure{INVALID_ARGUMENT}" },
    isOfRest: true,
    code: 3,
    connectCode: "invalid_argument",
    message: "the body is not JSON of the form that the method takes",
    tellsCause: true,
  },
  {
    reason: "MALFORMED_REQUEST",
    when: { route: "rest-query" },
    isOfRest: true,
    code: 3,
    connectCode: "invalid_argument",
    message: "the query says again what path or body say, or the name of a parameter is escaped",
  },
  {
    reason: "MALFORMED_REQUEST",
    when: { route: "rest-bodiless", status: 413 },
    status: 400,
    isOfRest: true,
    code: 3,
    connectCode: "invalid_argument",
    message: "a GET or DELETE has no body: path and query say all",
  },
  {
    reason: "INVALID_REQUEST_ID",
    when: { route: "idempotency-key" },
    code: 3,
    grpcCode: 13,
    connectCode: "invalid_argument",
    message: "idempotency-key: must be printable ASCII",
  },
  {
    reason: "MALFORMED_REQUEST",
    when: { status: 400 },
    code: 3,
    grpcCode: 13,
    connectCode: "invalid_argument",
    message: "the request, its path or a header is not valid",
  },
  {
    reason: "REQUEST_TIMEOUT",
    when: { status: 408 },
    code: 4,
    connectCode: "deadline_exceeded",
    message: "the request did not arrive in time",
  },
  {
    reason: "REQUEST_TOO_LARGE",
    when: { status: 413 },
    code: 8,
    grpcCode: 2,
    connectCode: "resource_exhausted",
    message: "the body is too large",
  },
  {
    reason: "UNSUPPORTED_MEDIA_TYPE",
    when: { status: 415 },
    code: 3,
    grpcCode: 2,
    connectCode: "invalid_argument",
    message: "a body must be JSON, not compressed, with the header content-type: application/json",
  },
  {
    reason: "RATE_LIMITED",
    when: { status: 429 },
    code: 8,
    connectCode: "resource_exhausted",
    message: "too many requests from this address",
    ...again,
  },
  {
    reason: "HEADERS_TOO_LARGE",
    when: { status: 431 },
    code: 8,
    grpcCode: 2,
    connectCode: "resource_exhausted",
    message: "the headers are too large",
  },
  {
    reason: "BAD_ANSWER",
    when: { status: 502 },
    code: 13,
    grpcCode: 14,
    connectCode: "internal",
    message: "the service's answer could not be understood",
  },
  {
    // As many calls to it are under way, or wait for a connection, as the circuit breakers let pass.
    reason: "SERVICE_OVERLOADED",
    when: { detailsPrefix: "upstream_reset_before_response_started{overflow" },
    status: 429,
    code: 8,
    setsGrpcStatus: true,
    connectCode: "resource_exhausted",
    message: "the service has as much to do as it can",
    ...again,
  },
  {
    reason: "SERVICE_UNAVAILABLE",
    when: { status: 503 },
    code: 14,
    connectCode: "unavailable",
    message: "the service is not available at the moment",
    ...again,
  },
  {
    reason: "DEADLINE_EXCEEDED",
    when: { status: 504 },
    code: 4,
    connectCode: "deadline_exceeded",
    message: "the call took longer than it may",
  },
  {
    reason: "INTERNAL",
    when: { statusFrom: 500 },
    code: 13,
    grpcCode: 2,
    connectCode: "internal",
    message: "internal error",
  },
  {
    reason: "BAD_REQUEST",
    when: { statusFrom: 400 },
    // Envoy says 403 for an upgrade and 426 for HTTP/1.0.
    status: 400,
    code: 3,
    grpcCode: 13,
    connectCode: "invalid_argument",
    message: "the request is not valid",
  },
];
