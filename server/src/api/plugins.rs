//! Plugins as their users see them: list, enable, disable, configure, display.

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
}
