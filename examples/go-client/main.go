// Command go-client signs up, orders the first product there is enough of, and follows the order until it is settled:
// all through the gateway, with code generated from the contract and the standard gRPC library.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	orderv1 "quartet.example/go-client/gen/shop/order/v1"
	productv1 "quartet.example/go-client/gen/shop/product/v1"
	userv1 "quartet.example/go-client/gen/shop/user/v1"
)

//go:generate sh ../../tools/setup.sh buf generate

// Every call waits for a connection as long as its deadline allows. What the library also repeats when nobody answers:
// reads, and calls with a request_id, of which the shop counts one however often it is sent. CreateSession is not among
// them: each call that arrives makes a session.
const serviceConfig = `{
  "methodConfig": [{
    "name": [{}],
    "waitForReady": true
  }, {
    "name": [
      {"service": "shop.order.v1.OrderService"},
      {"service": "shop.product.v1.ProductService"},
      {"service": "shop.user.v1.UserService", "method": "CreateUser"}
    ],
    "waitForReady": true,
    "retryPolicy": {
      "maxAttempts": 5,
      "initialBackoff": "0.2s",
      "maxBackoff": "3s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
}`

const watchPause = 500 * time.Millisecond

func main() {
	gateway := flag.String("gateway", "localhost:8080", "`host:port` of the gateway")
	quantity := flag.Int("quantity", 2, "how many pieces to order")
	paymentToken := flag.String("payment-token", "tok_visa", "reference to a means of payment; tok_declined declines")
	timeout := flag.Duration("timeout", time.Minute, "deadline for everything together")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	if err := run(ctx, *gateway, int32(*quantity), *paymentToken); err != nil {
		fmt.Fprintln(os.Stderr, explain(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, gateway string, quantity int32, paymentToken string) error {
	conn, err := grpc.NewClient(gateway,
		// The gateway of a development system speaks plain HTTP/2; elsewhere credentials.NewTLS takes its place.
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(serviceConfig))
	if err != nil {
		return err
	}
	defer conn.Close()

	ctx, err = signUp(ctx, userv1.NewUserServiceClient(conn))
	if err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	product, err := choose(ctx, productv1.NewProductServiceClient(conn), quantity)
	if err != nil {
		return fmt.Errorf("choose a product: %w", err)
	}
	orders := orderv1.NewOrderServiceClient(conn)
	order, err := orders.CreateOrder(ctx, &orderv1.CreateOrderRequest{
		Lines:        []*orderv1.CreateOrderRequest_Line{{Product: product.GetName(), Quantity: quantity}},
		PaymentToken: paymentToken,
		RequestId:    uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	total := order.GetTotal()
	fmt.Printf("placed %s: %d × %s, %d minor units of %s\n",
		order.GetName(), quantity, product.GetDisplayName(), total.GetMinorUnits(), total.GetCurrency())

	settled, err := follow(ctx, orders, order.GetName())
	if err != nil {
		return fmt.Errorf("follow the order: %w", err)
	}
	fmt.Printf("settled %s: %s %s\n", settled.GetName(), settled.GetState(), settled.GetCancelReason())
	return nil
}

// signUp makes an account with a password that nobody will know, logs in, and returns a context whose calls carry the
// token.
func signUp(ctx context.Context, users userv1.UserServiceClient) (context.Context, error) {
	email, password := "gopher-"+uuid.NewString()+"@example.org", rand.Text()
	user, err := users.CreateUser(ctx, &userv1.CreateUserRequest{
		Email: email, Password: password, DisplayName: "Gopher", RequestId: uuid.NewString(),
	})
	if err != nil {
		return nil, err
	}
	session, err := users.CreateSession(ctx, &userv1.CreateSessionRequest{Email: email, Password: password})
	if err != nil {
		return nil, err
	}
	fmt.Printf("signed up %s\n", user.GetName())
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+session.GetAccessToken()), nil
}

// choose lists the catalogue, page by page, until there is a product with enough pieces.
func choose(ctx context.Context, products productv1.ProductServiceClient, quantity int32) (*productv1.Product, error) {
	request := &productv1.ListProductsRequest{PageSize: 20}
	for {
		page, err := products.ListProducts(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, product := range page.GetProducts() {
			if product.GetAvailableQuantity() >= quantity {
				return product, nil
			}
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return nil, fmt.Errorf("no product has %d pieces", quantity)
		}
	}
}

// follow prints the timeline of an order as it grows and returns the order once it is settled. The library repeats a
// call only until its first answer, so a stream that is cut later is taken up here, after the last entry that came.
func follow(ctx context.Context, orders orderv1.OrderServiceClient, name string) (*orderv1.Order, error) {
	request := &orderv1.WatchOrderRequest{Name: name}
	for {
		order, err := watch(ctx, orders, request)
		// A cut stream has the code of whoever noticed: the service, the gateway or this library.
		code := status.Code(err)
		if err == nil || !(errors.Is(err, io.EOF) || code == codes.Unavailable || code == codes.Internal) {
			return order, err
		}
		select {
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-time.After(watchPause):
		}
	}
}

// watch reads one stream to its end and notes in the request how far it came. io.EOF: it was cut.
func watch(ctx context.Context, orders orderv1.OrderServiceClient, request *orderv1.WatchOrderRequest) (*orderv1.Order, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := orders.WatchOrder(ctx, request)
	if err != nil {
		return nil, err
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if event := response.GetOrderEvent(); event != nil {
			fmt.Printf("%3d %s %s\n", event.GetSequence(), event.GetState(), event.GetCause())
			request.AfterSequence = event.GetSequence()
		}
		if response.GetLast() {
			return response.GetOrder(), nil
		}
	}
}

// explain says what an error is about: its code and message, and the details that the shop sends with every error.
func explain(err error) string {
	text := err.Error()
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			text += fmt.Sprintf("\n  reason %s of %s %v", detail.GetReason(), detail.GetDomain(), detail.GetMetadata())
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				text += fmt.Sprintf("\n  %s: %s", violation.GetField(), violation.GetDescription())
			}
		}
	}
	return text
}
