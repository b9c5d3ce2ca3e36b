"""The shop as this consumer sees it: one method, called through the gateway as an administrator."""

import json

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from shop.order.v1.order_pb2 import Order
from shop.order.v1.order_service_pb2 import GetOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from shop.user.v1.user_service_pb2 import CreateSessionRequest
from shop.user.v1.user_service_pb2_grpc import UserServiceStub

TIMEOUT_SECONDS = 5
RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# GetOrder only reads, so the library may repeat it. A login is not repeated: each one that arrives makes a session.
SERVICE_CONFIG = {"methodConfig": [{"name": [{"service": "shop.order.v1.OrderService"}], "retryPolicy": RETRY_POLICY}]}


class ShopClient:
    """Reads orders. Logs in when there is no token yet, and again when it has expired. Errors are grpc.RpcError."""

    def __init__(self, gateway: str, email: str, password: str) -> None:
        # The gateway of a development system speaks plain HTTP/2; elsewhere grpc.secure_channel takes its place.
        channel = grpc.insecure_channel(gateway, options=[("grpc.service_config", json.dumps(SERVICE_CONFIG))])
        self._users = UserServiceStub(channel)
        self._orders = OrderServiceStub(channel)
        self._account = CreateSessionRequest(email=email, password=password)
        self._token = ""

    def get_order(self, name: str) -> Order:
        if not self._token:
            self._log_in()
        try:
            return self._get_order(name)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAUTHENTICATED:
                raise
        self._log_in()
        return self._get_order(name)

    def _get_order(self, name: str) -> Order:
        metadata = [("authorization", f"Bearer {self._token}")]
        return self._orders.GetOrder(GetOrderRequest(name=name), timeout=TIMEOUT_SECONDS, metadata=metadata)

    def _log_in(self) -> None:
        self._token = self._users.CreateSession(self._account, timeout=TIMEOUT_SECONDS).access_token


def explain(error: grpc.RpcError) -> str:
    """Code, message and, where the shop gave one, the reason that programs can rely on."""
    text = f"{error.code().name}: {error.details()}"
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = ErrorInfo()
        if detail.Unpack(info):
            text += f" ({info.reason} of {info.domain})"
    return text
