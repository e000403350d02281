use http::{Request, Response};
use tower_service::Service;

use crate::bearer::{Bearer, ResponseFuture, Validate, inject::inject};

impl<S, V> Bearer<S, V>
where
    V: Validate,
{
    /// Goes on with a request that has no token in its header.
    pub(in crate::bearer) fn call_without_header<ReqBody, ResBody>(
        &mut self,
        mut request: Request<ReqBody>,
    ) -> ResponseFuture<S, ReqBody, V::User>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    {
        let options = &self.layer.options;
        let found = match options.places.find(&request, options.max_token_bytes) {
            Ok(Some(found)) => found,
            Ok(None) => return self.call_without_token(request),
            Err(rejection) => return ResponseFuture::refuse(rejection, options, request),
        };
        let place = found.place();
        match self.layer.validator.validate_now(found.token()) {
            Some(Ok(user)) => {
                place.clear(&mut request);
                inject(request.extensions_mut(), user);
                ResponseFuture::call_sealed(self.inner.call(request), place)
            }
            Some(Err(rejection)) => ResponseFuture::refuse(rejection, options, request),
            None => {
                let token = found.token().to_access_token();
                place.clear(&mut request);
                self.ask(token, request, Some(place))
            }
        }
    }
}
