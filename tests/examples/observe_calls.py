"""Calls the shop as any gRPC client in another language does and prints what it sees, one JSON object a line.

observe_calls.py refused GATEWAY TOKEN            calls that are refused, each with its code and details
observe_calls.py waiting GATEWAY TOKEN ORDER PID  calls that the process PID does not answer, because it is stopped
                                                  meanwhile, and one that it answers when it goes on
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status
from shop.order.v1.order_service_pb2 import CreateOrderRequest, GetOrderRequest
from shop.order.v1.order_service_pb2_grpc import OrderServiceStub
from shop.product.v1.product_service_pb2 import CreateProductRequest
from shop.product.v1.product_service_pb2_grpc import ProductServiceStub
from shop.user.v1.user_service_pb2 import CreateSessionRequest
from shop.user.v1.user_service_pb2_grpc import UserServiceStub

mode, gateway, token, *rest = sys.argv[1:]
channel = grpc.insecure_channel(gateway)
users, products, orders = UserServiceStub(channel), ProductServiceStub(channel), OrderServiceStub(channel)
AUTHORIZED = [("authorization", f"Bearer {token}")]
PATIENCE_SECONDS = 30
DETAILS: tuple[type[Message], ...] = (ErrorInfo, BadRequest, RetryInfo)


def details_of(error: grpc.RpcError) -> dict[str, object]:
    """The details of an error by the name of their type, as the standard library for them decodes them."""
    status = rpc_status.from_call(error)
    found: dict[str, object] = {}
    for packed in status.details if status else ():
        for kind in DETAILS:
            detail = kind()
            if packed.Unpack(detail):
                found[kind.DESCRIPTOR.name] = MessageToDict(detail)
    return found


def outcome(call: Callable[[], object], start: float | None = None) -> dict[str, object]:
    """How a call ends, and after how many seconds. `start` is when it began, if that is not now."""
    start = start or time.monotonic()
    seen: dict[str, object] = {"code": "OK"}
    try:
        call()
    except grpc.RpcError as error:
        seen = {"code": error.code().name, "message": error.details(), "details": details_of(error)}
    except grpc.FutureCancelledError:
        seen = {"code": "CANCELLED"}
    return seen | {"seconds": time.monotonic() - start}


def show(case: str, seen: dict[str, object]) -> None:
    print(json.dumps({"case": case} | seen), flush=True)


def observe_refused() -> None:
    missing = GetOrderRequest(name="orders/none")
    wrong = CreateOrderRequest(lines=[CreateOrderRequest.Line(product="cup", quantity=0)], payment_token="tok_visa")
    cup = CreateProductRequest(display_name="Cup", category="kitchen")
    login = CreateSessionRequest(email="nobody@example.org", password="wrong")
    unknown = channel.unary_unary("/shop.order.v1.OrderService/Guess", Empty.SerializeToString, Empty.FromString)
    for case, method, request, metadata in (
        ("missing resource", orders.GetOrder, missing, AUTHORIZED),
        ("wrong fields", orders.CreateOrder, wrong, AUTHORIZED),
        ("no token", orders.GetOrder, missing, []),
        ("forged token", orders.GetOrder, missing, [("authorization", "Bearer a.b.c")]),
        ("no administrator", products.CreateProduct, cup, AUTHORIZED),
        ("wrong password", users.CreateSession, login, []),
        ("unknown method", unknown, Empty(), AUTHORIZED),
    ):
        show(case, outcome(partial(method, request, timeout=PATIENCE_SECONDS, metadata=metadata)))


def observe_waiting(order: str, pid: int) -> None:
    request = GetOrderRequest(name=order)
    get = partial(orders.GetOrder.future, request, metadata=AUTHORIZED)
    orders.GetOrder(request, timeout=PATIENCE_SECONDS, metadata=AUTHORIZED)
    os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        # All at once, and before the gateway notices by its health checks that nobody answers.
        own, cancelled, without = get(timeout=0.3), get(timeout=PATIENCE_SECONDS), get(timeout=PATIENCE_SECONDS)
        threading.Timer(0.3, cancelled.cancel).start()
        show("own deadline", outcome(own.result, start))
        show("cancelled", outcome(cancelled.result, start))
        show("deadline of the contract", outcome(without.result, start))
    finally:
        os.kill(pid, signal.SIGCONT)
    end = time.monotonic() + PATIENCE_SECONDS
    while (seen := outcome(get(timeout=PATIENCE_SECONDS).result))["code"] == "UNAVAILABLE" and time.monotonic() < end:
        time.sleep(0.1)
    show("answered", seen)


if mode == "refused":
    observe_refused()
else:
    observe_waiting(rest[0], int(rest[1]))
