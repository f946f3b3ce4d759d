//! Requests from outside to plugins, at their secret addresses.

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
}
