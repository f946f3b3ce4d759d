// Generated from the server's openapi.json by `npm run types`; do not edit.

export interface paths {
    "/admin/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists changes to plugins with their actors, newest first. */
        get: operations["get_admin_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/pending": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists all versions that wait for approval, with the new permissions of each. */
        get: operations["get_admin_pending"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All installed plugins, and what in the plugins folder is none. */
        get: operations["get_admin_plugins"];
        put?: never;
        /**
         * Installs or replaces a plugin: from the request's body, or, where that is
         *     JSON, from a URL or a registry. Its signature comes with it, if it has one.
         */
        post: operations["post_admin_plugins"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a plugin's status. */
        get: operations["get_admin_plugins_id"];
        put?: never;
        post?: never;
        /** Removes a plugin and its file; its users' data stays for its return. */
        delete: operations["delete_admin_plugins_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a version run that waits because it asks for more. */
        post: operations["post_admin_plugins_id_approve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/attach": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Lets a process that the caller starts by hand take the place of a native
         *     plugin's own, in a debugger for example. It is not confined.
         */
        post: operations["post_admin_plugins_id_attach"];
        /**
         * Ends the lasting place where a process attaches. A process that is connected
         *     stays until it leaves.
         */
        delete: operations["delete_admin_plugins_id_attach"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/denials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists a plugin's denials for missing grants, for all its users. */
        get: operations["get_admin_plugins_id_denials"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/doctor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists a plugin's problems and their fixes. */
        get: operations["get_admin_plugins_id_doctor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/grant": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Allows a plugin more, or sets its limits. It takes effect at once; a plugin
         *     that is not installed yet finds it.
         */
        post: operations["post_admin_plugins_id_grant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a plugin's requested permissions and the administrator's grants. */
        get: operations["get_admin_plugins_id_grants"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the output of a plugin's process, the server's entries about each
         *     user's instance, and the plugin's entries for the caller; oldest first.
         */
        get: operations["get_admin_plugins_id_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Loads a plugin anew from its file, whether that changed or not. */
        post: operations["post_admin_plugins_id_reload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Revokes grants of a plugin. Takes effect on the next call, and closes
         *     everything opened with them.
         */
        post: operations["post_admin_plugins_id_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Returns to the previous version. */
        post: operations["post_admin_plugins_id_rollback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/update": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Describes the newest version of a plugin that was installed from a registry. */
        get: operations["get_admin_plugins_id_update"];
        put?: never;
        /**
         * Installs the newest version of a plugin from its registry. If it asks for more,
         *     it waits for approval.
         */
        post: operations["post_admin_plugins_id_update"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/plugins/{id}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A plugin's limits, and how much of them each user's instance uses now:
         *     storage, log and timers.
         */
        get: operations["get_admin_plugins_id_usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/registry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Describes a version in a registry, without downloading its file. */
        get: operations["get_admin_registry"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/trusted-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The keys whose signatures count. */
        get: operations["get_admin_trusted_keys"];
        put?: never;
        /** Trusts a key: from the next load on, what it signed counts as signed. */
        post: operations["post_admin_trusted_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/trusted-keys/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Trusts a key no longer, from the next load on. */
        delete: operations["delete_admin_trusted_keys_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/application": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists applications. */
        get: operations["get_application"];
        put?: never;
        /** Creates an application. Its token is in the answer and is never shown again. */
        post: operations["post_application"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/application/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Changes an application. */
        put: operations["put_application_id"];
        post?: never;
        /** Deletes an application with its messages. */
        delete: operations["delete_application_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/application/{id}/image": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sets an application's image: PNG, JPEG, GIF or WebP of at most `max-image-size`
         *     in the field `file`.
         */
        post: operations["post_application_id_image"];
        /** Takes an application's image away: it shows the default one. */
        delete: operations["delete_application_id_image"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/application/{id}/message": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists messages of an application, newest first. */
        get: operations["get_application_id_message"];
        put?: never;
        post?: never;
        /** Deletes all messages of an application. */
        delete: operations["delete_application_id_message"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/application/{id}/retention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Sets the messages of an application that are kept, within those that the server keeps. */
        put: operations["put_application_id_retention"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/application/{id}/security": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Replaces an application's token. */
        put: operations["put_application_id_security"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/local/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Creates a session; takes basic authentication. */
        post: operations["post_auth_local_login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a session: deletes its client. */
        post: operations["post_auth_logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/oidc/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ends a browser's login, which the OpenID provider sends back here. */
        get: operations["get_auth_oidc_callback"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/oidc/elevate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Begins the elevation of a client: has its user log in again at the OpenID
         *     provider.
         */
        get: operations["get_auth_oidc_elevate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/oidc/external/authorize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begins an app's login. */
        post: operations["post_auth_oidc_external_authorize"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/oidc/external/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends an app's login: exchanges the code for a client's token. */
        post: operations["post_auth_oidc_external_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/auth/oidc/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Begins a browser's login: redirects to the OpenID provider. */
        get: operations["get_auth_oidc_login"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/client": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists clients. */
        get: operations["get_client"];
        put?: never;
        /** Creates a client. Its token is in the answer and is never shown again. */
        post: operations["post_client"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/client/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Changes a client. */
        put: operations["put_client_id"];
        post?: never;
        /**
         * Deletes a client and closes its streams. A client may delete itself; another
         *     one takes an elevated session.
         */
        delete: operations["delete_client_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/client/{id}/elevate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets a client do what needs an elevated session, for a while. */
        post: operations["post_client_id_elevate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/current/user": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows who is asking. */
        get: operations["get_current_user"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/current/user/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Changes one's own password. */
        post: operations["post_current_user_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/current/user/timezone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the time zone of one's timers. */
        get: operations["get_current_user_timezone"];
        /** Sets the time zone by which plugins' timers with a cron expression fire. */
        put: operations["put_current_user_timezone"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Streams changes: of the caller's plugins, and of all plugins if the caller is
         *     an administrator whose session is elevated. The first event is `state`, also
         *     after a reconnection; those after it are changes to it. The others are
         *     `plugin`, `log`, `denials`, `dropped` and `not-elevated`, and for
         *     administrators `admin-plugin`, `admin-log`, `admin-denials`, `pending`,
         *     `problems` and `install`. Data is JSON.
         */
        get: operations["get_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/gotifyinfo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the server's features. */
        get: operations["get_gotifyinfo"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Reports the health of the server and its database. */
        get: operations["get_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/image/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Serves an uploaded image. Its random name is enough to see it, because
         *     clients show images where they cannot send a token.
         */
        get: operations["get_image_name"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/message": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists messages, newest first. */
        get: operations["get_message"];
        put?: never;
        /**
         * Sends a message. One that a filter drops answers 200 with id 0 and the
         *     header `mortise-dropped-by`, and is not stored.
         */
        post: operations["post_message"];
        /** Deletes all messages. */
        delete: operations["delete_message"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/message/dropped": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the messages that the caller's filters dropped, newest first. */
        get: operations["get_message_dropped"];
        put?: never;
        post?: never;
        /** Forgets all dropped messages of the caller. */
        delete: operations["delete_message_dropped"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/message/dropped/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Forgets a dropped message. */
        delete: operations["delete_message_dropped_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/message/dropped/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stores a dropped message after all. No filter is asked about it; its trace
         *     is kept. It is deleted at the time that its sender gave, unless this has passed.
         */
        post: operations["post_message_dropped_id_restore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/message/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Changes a message: its application, or its user, gives it new texts, another priority,
         *     other extras, or another time at which it is deleted. It keeps its number and its time.
         *     Filters decide about it again, and connected clients receive it again with the same
         *     number; listeners do not. One that a filter drops answers as with `POST /message`, and the
         *     message stays as it was. A change of nothing but `expiresAt` asks no filter and tells no
         *     client.
         */
        put: operations["put_message_id"];
        post?: never;
        /** Deletes a message. */
        delete: operations["delete_message_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/message/{id}/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows the plugin from which a message came, and the calls in which a plugin sent the
         *     message or was given it, oldest first.
         */
        get: operations["get_message_id_calls"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/message/{id}/trace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows what each filter did to a message before it was stored. If the server keeps no
         *     trace of the message, the only entry has the action `not_kept` and the reason.
         */
        get: operations["get_message_id_trace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Returns metrics in the text format of Prometheus. Administrators may read them,
         *     and anybody if the settings say so.
         */
        get: operations["get_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All plugins of the caller. */
        get: operations["get_plugin"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/filters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller's filters, in the order in which they are asked. */
        get: operations["get_plugin_filters"];
        /**
         * Puts the caller's filters into an order. Those that are left out come after
         *     it, in the order they had.
         */
        put: operations["put_plugin_filters"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/problems": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists files in the plugins folder that do not load, and errors of the grants
         *     file.
         */
        get: operations["get_plugin_problems"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The recorded calls of a plugin's filter, oldest first: the message that it was given, and
         *     its answer.
         */
        get: operations["get_plugin_id_calls"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A plugin's configuration, as the caller saved it. */
        get: operations["get_plugin_id_config"];
        put?: never;
        /** Saves a plugin's configuration; it is kept byte for byte. */
        post: operations["post_plugin_id_config"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/config/form": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A plugin's configuration for a form: its schema, and the saved text as a
         *     value without secrets.
         */
        get: operations["get_plugin_id_config_form"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/config/validate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Holds a text against the schema of a plugin's configuration. Nothing is
         *     applied or stored.
         */
        post: operations["post_plugin_id_config_validate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/consent": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Consents to the new permissions that a newer version of an enabled plugin asks of
         *     the caller.
         */
        post: operations["post_plugin_id_consent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/custom/{token}/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A request to a plugin's webhook. */
        get: operations["get_plugin_id_custom_token_"];
        /** A request to a plugin's webhook. */
        put: operations["put_plugin_id_custom_token_"];
        /** A request to a plugin's webhook. */
        post: operations["post_plugin_id_custom_token_"];
        /** A request to a plugin's webhook. */
        delete: operations["delete_plugin_id_custom_token_"];
        /** A request to a plugin's webhook. */
        options: operations["options_plugin_id_custom_token_"];
        /** A request to a plugin's webhook. */
        head: operations["head_plugin_id_custom_token_"];
        /** A request to a plugin's webhook. */
        patch: operations["patch_plugin_id_custom_token_"];
        /** A request to a plugin's webhook. */
        trace: operations["trace_plugin_id_custom_token_"];
    };
    "/plugin/{id}/custom/{token}/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A request to an address below a plugin's webhook. */
        get: operations["get_plugin_id_custom_token_path"];
        /** A request to an address below a plugin's webhook. */
        put: operations["put_plugin_id_custom_token_path"];
        /** A request to an address below a plugin's webhook. */
        post: operations["post_plugin_id_custom_token_path"];
        /** A request to an address below a plugin's webhook. */
        delete: operations["delete_plugin_id_custom_token_path"];
        /** A request to an address below a plugin's webhook. */
        options: operations["options_plugin_id_custom_token_path"];
        /** A request to an address below a plugin's webhook. */
        head: operations["head_plugin_id_custom_token_path"];
        /** A request to an address below a plugin's webhook. */
        patch: operations["patch_plugin_id_custom_token_path"];
        /** A request to an address below a plugin's webhook. */
        trace: operations["trace_plugin_id_custom_token_path"];
    };
    "/plugin/{id}/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A plugin's dead letters: the messages on which it failed again and again, newest first. */
        get: operations["get_plugin_id_dead_letters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/dead-letters/{message}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a dead letter; its message stays. */
        delete: operations["delete_plugin_id_dead_letters_message"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/dead-letters/{message}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Delivers a dead letter again, now. */
        post: operations["post_plugin_id_dead_letters_message_retry"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/denials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists a plugin's denials for missing grants, since the server's start. */
        get: operations["get_plugin_id_denials"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Disables a plugin. */
        post: operations["post_plugin_id_disable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/display": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the content of a plugin's page, as Markdown. */
        get: operations["get_plugin_id_display"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enables a plugin. This is the caller's consent to its requests. */
        post: operations["post_plugin_id_enable"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/filter": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Places a plugin among the caller's filters. */
        put: operations["put_plugin_id_filter"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/filter/applications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Has a filter of the caller asked about messages of these applications alone. */
        put: operations["put_plugin_id_filter_applications"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/listener": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows the message after which a listener goes on. It may be a few messages behind. */
        get: operations["get_plugin_id_listener"];
        /** Has a listener go on elsewhere: it receives messages again, or leaves some out. */
        put: operations["put_plugin_id_listener"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A plugin's log, oldest first. It is bounded and does not outlive the server. */
        get: operations["get_plugin_id_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Puts the recorded calls of a filter to the active version again, and compares the
         *     answers. It has no effect: the version has a copy of the storage, sends nothing, and
         *     has no HTTP.
         */
        post: operations["post_plugin_id_replay"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/replay/candidate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * As `/plugin/{id}/replay`, with the version in the request's body, or, without a body, with
         *     the version that waits for approval.
         */
        post: operations["post_plugin_id_replay_candidate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/schema": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The JSON Schema of a plugin's configuration. */
        get: operations["get_plugin_id_schema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/storage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The values in a plugin's storage, sorted by their keys: the state that a case with the
         *     recorded calls may begin with.
         */
        get: operations["get_plugin_id_storage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/timers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the timers of a plugin, the one that is due first at the front. They fire while the
         *     plugin is enabled.
         */
        get: operations["get_plugin_id_timers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/trace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the last calls of a plugin, newest first: deliveries to its listener, timers and
         *     webhooks. Kept are 1,000, for a week.
         */
        get: operations["get_plugin_id_trace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/plugin/{id}/try": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Asks a filter about a message that is not sent. As a replay, it has no effect. */
        post: operations["post_plugin_id_try"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reports whether the server can serve its users: its database answers, and the
         *     enabled plugins were brought up. `/health` is about the server alone.
         */
        get: operations["get_ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/static/defaultapp.png": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Serves the image of applications that have none of their own. */
        get: operations["get_static_defaultapp_png"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Opens a WebSocket that brings new messages. */
        get: operations["get_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/user": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists users. */
        get: operations["get_user"];
        put?: never;
        /**
         * Creates a user; where the settings allow registration, anybody may create one
         *     that is no administrator.
         */
        post: operations["post_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/user/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Shows a user. */
        get: operations["get_user_id"];
        put?: never;
        /** Changes a user. */
        post: operations["post_user_id"];
        /** Deletes a user and all that is theirs. */
        delete: operations["delete_user_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/version": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the version. */
        get: operations["get_version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The administrator's part of the first event. */
        AdminState: {
            pending: components["schemas"]["Pending"][];
            plugins: components["schemas"]["Status"][];
            problems: components["schemas"]["Problem"][];
        };
        /** @description An application. */
        Application: {
            /** @description RFC 3339. */
            createdAt: string;
            /**
             * Format: int64
             * @description Priority of messages that bring none.
             */
            defaultPriority: number;
            /** @description A description of its purpose. */
            description: string;
            /**
             * Format: int64
             * @description Unique on the server.
             */
            id: number;
            /** @description Address of its image, relative to the server's. */
            image: string;
            /** @description True if it belongs to a plugin and so cannot be deleted. */
            internal: boolean;
            /**
             * Format: int32
             * @description The number of its newest messages that are kept; left out if it has no bound of its own.
             */
            keepMessages?: number | null;
            /**
             * Format: int64
             * @description Seconds for which its messages are kept; left out if it has no bound of its own.
             */
            keepMessagesForSeconds?: number | null;
            /** @description RFC 3339, to within some minutes. */
            lastUsed?: string | null;
            /** @description As the user named it. */
            name: string;
            /** @description Fractional index that orders applications. */
            sortKey: string;
            /**
             * @description The secret in the answer that created it; empty in any other. Never
             *     left out: client libraries insist on a text.
             */
            token: string;
        };
        /** @description An application to create, or its change. A change keeps what it does not name. */
        ApplicationParams: {
            /**
             * Format: int64
             * @description Priority of messages that bring none.
             */
            defaultPriority?: number | null;
            /** @description At most 1 MiB. */
            description?: string | null;
            /** @description At most 16 KiB. */
            name: string;
            /** @description Fractional index that orders applications; at most 255 bytes. */
            sortKey?: string;
        };
        /** @description The messages of an application that are kept. A part that is left out, or 0, has no bound. */
        ApplicationRetention: {
            /**
             * Format: int64
             * @description The number of the newest messages that are kept.
             */
            keepMessages?: number | null;
            /**
             * Format: int64
             * @description Seconds for which messages are kept; at most 100 years.
             */
            keepMessagesForSeconds?: number | null;
        };
        /** @description The way in which a pending version may run. */
        Approve: {
            /**
             * @description True to run it without the new permissions.
             * @default false
             */
            without: boolean;
        };
        /** @description A version of a plugin in a registry, as its publisher describes it. */
        Artifact: {
            /** @description Its backend. */
            backend: string;
            /** @description The digest of its manifest, or of its index. */
            digest: string;
            /** @description The digest of its file. */
            file: string;
            /**
             * @description The plugin's manifest, with the permissions that it asks for; none if the
             *     publisher did not add it. The server compares it with the file.
             */
            manifest?: Record<string, never> | null;
            /** @description Its README, in Markdown. */
            readme?: string | null;
            /** @description Its address. */
            reference: string;
            /**
             * Format: int64
             * @description The size of its file, in bytes.
             */
            size: number;
        };
        /** @description A permission that a plugin asks for. */
        Asked: {
            /** @description `user` (by enabling it) or `administrator`. */
            answeredBy: string;
            /** @description True if the plugin has it, or will have it when it is enabled. */
            granted: boolean;
            /** @description As the contract names it. */
            name: string;
            /** @description The permission itself, in the contract's data form. */
            permission: Record<string, never>;
            /** @description In the author's words. */
            reason: string;
        };
        /** @description The variables for a process that takes the place of a plugin's own. */
        Attachment: {
            /**
             * @description The value of `MORTISE_SECRET` for its environment. A process with it
             *     acts as the plugin.
             */
            secret: string;
            /** @description For its environment, as `MORTISE_SOCKET`. */
            socket: string;
        };
        /** @description A change to a plugin. */
        AuditEntry: {
            /** @description Such as `installed`. */
            action: string;
            /** @description `user`, `command line`, `folder` or `server`. */
            by: string;
            date: string;
            /** @description Details of the action: versions, or permissions. */
            details: Record<string, never>;
            /** Format: int64 */
            id: number;
            /** @description The manifest's id. */
            plugin: string;
            user?: components["schemas"]["AuditUser"] | null;
        };
        /** @description Entries of the audit log, newest first. */
        AuditPage: {
            entries: components["schemas"]["AuditEntry"][];
            /**
             * Format: int64
             * @description The value of `before` for the next page; absent on the last.
             */
            next?: number | null;
        };
        /** @description A user, as named at the time. */
        AuditUser: {
            /** Format: int64 */
            id: number;
            name: string;
        };
        /** @description A call of the API. */
        Call: {
            /** @description The body as JSON; none for a call without. */
            body?: Record<string, never> | null;
            /** @description `POST` or `PUT`. */
            method: string;
            /** @description The path, encoded. */
            path: string;
        };
        /**
         * @description The kind of a filter's result.
         * @enum {string}
         */
        CallAction: "keep" | "replace" | "drop" | "fail";
        /** @description A call with another result than the recorded one. */
        CallDifference: {
            /** @description The name of the message's application. */
            application: string;
            /** @description The message. */
            message: components["schemas"]["TracedId"];
            /** @description The recorded result. */
            recorded: components["schemas"]["CallResult"];
            /** @description The result of the replay. */
            replayed: components["schemas"]["CallResult"];
            /** @description The title that the filter was given. */
            title: string;
        };
        /** @description The result of a filter's call. */
        CallResult: {
            /** @description The kind. */
            action: components["schemas"]["CallAction"];
            /** @description The changed fields. */
            changes?: components["schemas"]["Change"][];
            /** @description The reason of a drop, or the error; else empty. */
            detail?: string;
        };
        /** @description The calls of plugins that concern a message. */
        CallsAbout: {
            /** @description Those in which a plugin's listener was given it, failed ones included. */
            deliveredIn: components["schemas"]["PluginCall"][];
            ofPlugin?: components["schemas"]["OfPlugin"] | null;
            /** @description Those in which the caller's plugin sent it. A call for another user is not shown. */
            sentIn: components["schemas"]["PluginCall"][];
        };
        /**
         * @description The kind of a filter's failure.
         * @enum {string}
         */
        Cause: "failed" | "timed_out" | "not_at_work";
        /** @description A field of a message before and after a filter. */
        Change: {
            /** @description Its text after; none if there is none. */
            after?: string | null;
            /** @description Its text before; none if there was none. */
            before?: string | null;
            /** @description Whether one of the texts is cut at its end. */
            cut?: boolean;
            /** @description The field. */
            field: components["schemas"]["Field"];
            /** @description Bytes left out before both texts, where they are the same. */
            skipped?: number;
        };
        /** @description A client. */
        Client: {
            /** @description RFC 3339. */
            createdAt: string;
            /** @description Until when it may do what needs an elevated session, RFC 3339. */
            elevatedUntil?: string | null;
            /**
             * Format: int64
             * @description It is removed when it was not used for this long; 0 for never.
             */
            expiresAfterInactivitySeconds: number;
            /**
             * @description The time at which the server removes it unless it is used before, RFC
             *     3339.
             */
            expiresAt?: string | null;
            /**
             * Format: int64
             * @description Unique on the server.
             */
            id: number;
            /** @description RFC 3339, to within some minutes. */
            lastUsed?: string | null;
            /** @description As the user named it. */
            name: string;
            /**
             * @description The secret in the answer that created it; empty in any other. Never
             *     left out: client libraries insist on a text.
             */
            token: string;
        };
        /** @description A client to create, or its change. A change keeps what it does not name. */
        ClientParams: {
            /**
             * Format: int64
             * @description It is removed when it was not used for this long; 0 for never.
             */
            expiresAfterInactivitySeconds?: number | null;
            /** @description At most 16 KiB. */
            name: string;
        };
        /**
         * @description A condition of a plugin.
         * @enum {string}
         */
        Condition: "not_installed" | "broken_file" | "signature_missing" | "signature_wrong" | "signature_untrusted" | "trust_broken" | "change_rejected" | "file_missing" | "file_changed" | "pending_approval" | "copy_broken" | "not_enabled" | "configuration_rejected" | "start_failed" | "down" | "consent_missing" | "grant_missing" | "denied" | "crash_loop" | "calls_fail" | "dead_letters" | "timers_off" | "sandbox_partial" | "limit_reached" | "grants_broken";
        /** @description A configuration for a form. */
        ConfigForm: {
            /** @description The form of the text. */
            format: components["schemas"]["Format"];
            /** @description The problems of the text. */
            problems: components["schemas"]["ConfigProblem"][];
            /** @description The plugin's schema; null if it has none or it cannot be used. */
            schema?: Record<string, never> | null;
            /** @description The reason for which the schema cannot be used. */
            schemaProblem?: string | null;
            /**
             * @description The secrets that the text has, as JSON pointers. The schema marks a
             *     secret with `writeOnly: true` or `format: password`.
             */
            secrets: string[];
            /** @description The text as a value, without secrets; null if the text is no YAML. */
            values?: Record<string, never> | null;
        };
        /** @description A problem of a configuration's text. */
        ConfigProblem: {
            /**
             * Format: int64
             * @description In characters, counted from 1.
             */
            column: number;
            /**
             * Format: int64
             * @description Counted from 1.
             */
            line: number;
            /**
             * @description The part that it is about, as a JSON pointer; empty for the whole. A missing
             *     field is named, too; its line and column are those of the part without it.
             */
            path: string;
            /** @description The problem as a sentence. Values are not repeated in it. */
            text: string;
        };
        /** @description A message to send. */
        CreateMessage: {
            /**
             * Format: int64
             * @description The application it comes from, where no application's token says so.
             */
            appid?: number;
            /**
             * @description The time at which it is deleted, RFC 3339, or seconds or milliseconds since
             *     1970; never if it is left out or cannot be read.
             */
            expiresAt?: string | null;
            /** @description Additional data, an object; in a form, the text of a JSON object. */
            extras?: {
                [key: string]: unknown;
            } | null;
            /**
             * @description Its text; Markdown without HTML. At most `max-message-size` together with
             *     title and extras.
             */
            message: string;
            /**
             * Format: int64
             * @description 0 (silent) to 10 (urgent) by convention; else the application's. A text of
             *     digits is accepted as well.
             */
            priority?: number | null;
            /** @description Its title; if it is empty, the application's name. */
            title?: string;
        };
        /** @description A user to create. */
        CreateUser: {
            /** @description True if the user administers the server. */
            admin?: boolean;
            /** @description For login; at most 16 KiB and no colon. */
            name: string;
            /** @description At most 1 KiB. */
            pass: string;
        };
        /** @description The user who is asking. */
        CurrentUser: components["schemas"]["User"] & {
            /**
             * Format: int64
             * @description The client it was asked with; none for a password.
             */
            clientId?: number | null;
            /** @description Until when that client is elevated, RFC 3339. */
            elevatedUntil?: string | null;
        };
        /** @description A message that the plugin failed on again and again. */
        DeadLetter: {
            /**
             * Format: int64
             * @description The application that the message came from.
             */
            appid: number;
            /** Format: int64 */
            attempts: number;
            date: string;
            error: string;
            /** Format: int64 */
            messageId: number;
            /** @description The message's title. */
            title: string;
        };
        /** @description A denied attempt of a plugin. */
        Denied: {
            /** Format: int64 */
            count: number;
            /** @description The time of the last denial. */
            date: string;
            /** @description The permission it lacks, as the contract names it. */
            permission: string;
            /** @description The object, such as a host. */
            what: string;
        };
        /** @description A denial of an instance. */
        DeniedTo: {
            /** Format: int64 */
            count: number;
            /** @description The time of the last denial. */
            date: string;
            /** @description The permission it lacks, as the contract names it. */
            permission: string;
            /** @description The instance's user. */
            user: string;
            /** @description The object, such as a host. */
            what: string;
        };
        /** @description All that there is to say about a plugin. */
        Diagnosis: {
            /** @description The findings; empty if there are none. */
            findings: components["schemas"]["Finding"][];
            /** @description The subject: a plugin's id, or a file in the plugins folder. */
            id: string;
            status?: components["schemas"]["Status"] | null;
            /** @description True if no finding is a problem. */
            well: boolean;
        };
        /**
         * @description The administrator's permissions that a version asks for beyond the answered
         *     ones.
         */
        Difference: {
            /** @description For a person, one line each: `+ http https://api.example.org: reason`. */
            lines: string[];
            /** @description The same as the contract's data, each permission naming one thing. */
            wants: Record<string, never>[];
        };
        /** @description The plugin whose filter it was. */
        DroppedBy: {
            /** @description The manifest's id. */
            id: string;
            /**
             * Format: int64
             * @description Its number among its user's plugins, as in `/plugin/{id}`.
             */
            instance: number;
            name: string;
        };
        /**
         * @description The way in which a message was lost.
         * @enum {string}
         */
        DroppedKind: "dropped" | "refused";
        /** @description A message that a filter dropped, as that filter was given it. */
        DroppedMessage: {
            /**
             * Format: int64
             * @description The application it came from.
             */
            appid: number;
            by: components["schemas"]["DroppedBy"];
            /** @description When it came, RFC 3339. */
            date: string;
            /**
             * @description The time at which it is deleted once it is restored, RFC 3339; left out if there is
             *     none. A restoration ignores a time that has passed.
             */
            expiresAt?: string | null;
            extras?: Record<string, never> | null;
            /**
             * Format: int64
             * @description Unique among dropped messages; no message's id.
             */
            id: number;
            /** @description When it is forgotten, RFC 3339; sooner if many others come. */
            keptUntil: string;
            kind: components["schemas"]["DroppedKind"];
            message: string;
            /** Format: int32 */
            priority: number;
            /** @description The filter's reason, or how it failed. */
            reason: string;
            title: string;
            /** @description The record of the filters that were asked. */
            trace: components["schemas"]["TraceEntry"][];
            /**
             * Format: int64
             * @description The stored message that it would have changed, and that it changes if it is restored.
             */
            updates?: number | null;
        };
        /** @description The effects that a version would have had. */
        Effects: {
            /**
             * @description The denied attempts other than HTTP requests. A result after one may differ from
             *     that of a real call.
             */
            denied: Record<string, never>[];
            /**
             * @description The calls of other functions of the contract with an effect, by name, such as
             *     `set-timer`.
             */
            others?: {
                [key: string]: number;
            };
            /** @description The first of these. */
            requested: components["schemas"]["Requested"][];
            /**
             * @description The number of HTTP requests that it would have sent. A result after one may differ
             *     from that of a real call. Those of a native plugin do not reach the server, which
             *     cannot count them.
             */
            requests: number;
            /** @description The number of messages that it would have sent. */
            sends: number;
            /** @description The first of these. */
            sent: components["schemas"]["Sent"][];
            /** @description The number of changes of its storage, of which it has a copy. */
            writes: number;
        };
        /** @description The time for which a client is elevated. */
        ElevateRequest: {
            /**
             * Format: int64
             * @description 1 to 86400.
             */
            durationSeconds: number;
        };
        /** @description The version to update to. */
        Expected: {
            /** @description The digest of the manifest that the newest version had when it was shown. */
            digest: string;
        };
        /** @description An app's login. */
        ExternalAuthorizeRequest: {
            /** @description The hash of the app's verifier, as PKCE writes it (S256). */
            code_challenge: string;
            /** @description Name of the client that is created for the app. */
            name: string;
            /** @description The app's address, which the provider knows. */
            redirect_uri: string;
        };
        /** @description The start of an app's login. */
        ExternalAuthorizeResponse: {
            /** @description The address for the app to open in a browser. */
            authorize_url: string;
            /** @description To be sent with the code. */
            state: string;
        };
        /** @description The end of an app's login. */
        ExternalTokenRequest: {
            /** @description The code that the app got. */
            code: string;
            /** @description The app's verifier. */
            code_verifier: string;
            /** @description The state of the login. */
            state: string;
        };
        /** @description A client for an app. */
        ExternalTokenResponse: {
            /** @description The client's token. */
            token: string;
            user: components["schemas"]["User"];
        };
        /**
         * @description A field of a message that filters may change.
         * @enum {string}
         */
        Field: "title" | "message" | "priority" | "extras";
        /** @description The applications whose messages a filter is asked about. */
        FilterApplications: {
            /** @description Their ids; null for all. */
            applications?: number[] | null;
        };
        /** @description A filter's place: its position in the list. */
        FilterChoice: {
            /** @description Whether a message is refused when it fails. */
            failClosed: boolean;
            /**
             * Format: int64
             * @description The plugin, as in `/plugin/{id}`.
             */
            id: number;
        };
        /** @description A filter of the caller. */
        FilterInChain: {
            /** @description The applications whose messages it is asked about; null for all. */
            applications?: number[] | null;
            /** @description Whether messages pass it now: it is enabled, and granted. */
            atWork: boolean;
            enabled: boolean;
            /** @description Whether a message is refused when it fails. */
            failClosed: boolean;
            /**
             * Format: int64
             * @description The plugin, as in `/plugin/{id}`.
             */
            id: number;
            /** @description The manifest's id. */
            modulePath: string;
            name: string;
        };
        /** @description A filter's place. */
        FilterPlace: {
            /** @description True if the server rejects messages when this filter fails. */
            failClosed: boolean;
            /**
             * Format: int64
             * @description Filters are asked in this order, smallest first.
             */
            order: number;
        };
        /** @description A condition that a plugin is in. */
        Finding: {
            call?: components["schemas"]["Call"] | null;
            /** @description The command that mends it, where one does. */
            command?: string | null;
            /** @description The condition. */
            condition: components["schemas"]["Condition"];
            /** @description The fix, as a sentence without a full stop. */
            fix: string;
            /** @description The observation, as a sentence without a full stop. */
            found: string;
            /** @description Step by step, where it is about loading. */
            report?: Record<string, never> | null;
            /** @description Its severity. */
            severity: components["schemas"]["Severity"];
            /** @description The instance's user; none if it concerns the plugin. */
            user?: string | null;
        };
        /**
         * @description The form of a configuration's text.
         * @enum {string}
         */
        Format: "yaml" | "text";
        /** @description The permissions to grant. */
        Grant: {
            /** @description This, as in the grants file. */
            allow?: Record<string, never>;
            /**
             * @description All that the version that runs asks of the administrator.
             * @default false
             */
            asAsked: boolean;
            /**
             * @description Limits by their names in the grants file; null for the default.
             * @default {}
             */
            limits: {
                [key: string]: number | null;
            };
            /**
             * @description These, as the plugin asks for them: permissions of `asked`, or of a
             *     pending version's `difference`.
             * @default []
             */
            permissions: Record<string, never>[];
        };
        /** @description The server's health. */
        Health: {
            /** @description `green` or `red`. */
            database: string;
            /** @description `green` or `orange`. */
            health: string;
        };
        /** @description The server's features. */
        Info: {
            /** @description The version of Mortise. */
            mortiseVersion: string;
            /** @description True if an OpenID provider may be used. */
            oidc: boolean;
            /** @description True if visitors may create a user. */
            register: boolean;
            /** @description The version of Gotify whose API this is. */
            version: string;
        };
        /** @description A trusted key. */
        KeyOf: {
            /** @description As minisign writes it: it begins with `RW`. */
            key: string;
            /** @description For people: one line of at most 128 bytes. */
            name: string;
        };
        /** @description A limit of each user's instance. */
        LimitOf: {
            /**
             * Format: int64
             * @description The value without a setting.
             */
            default: number;
            limit: string;
            /** Format: int64 */
            most: number;
        };
        /** @description The position of a listener. */
        ListenerPosition: {
            /**
             * Format: int64
             * @description It receives the messages after this one.
             */
            after: number;
            /**
             * Format: int64
             * @description The stored messages after it, those that the plugin may not read included. The server
             *     stops counting at 10,000.
             */
            waiting: number;
        };
        /** @description One entry of a plugin's log. */
        LogEntry: {
            date: string;
            /** @description `trace` to `error`. */
            level: string;
            /**
             * Format: int64
             * @description Grows by one with each entry.
             */
            number: number;
            /** @description `plugin`, `stdout`, `stderr`, or `host` for the server's entries. */
            source: string;
            text: string;
        };
        /** @description An entry of one of a plugin's logs. */
        LogLine: {
            date: string;
            /** @description `trace` to `error`. */
            level: string;
            /**
             * Format: int64
             * @description Grows by one with each entry of the same log.
             */
            number: number;
            /** @description `plugin`, `stdout`, `stderr`, or `host` for the server's entries. */
            source: string;
            text: string;
            /**
             * Format: int64
             * @description Milliseconds since the epoch.
             */
            time: number;
            /** @description The instance's user; absent for the plugin's process. */
            user?: string | null;
        };
        /** @description The session to create. */
        LoginParams: {
            /** @description Name of the client that is created for it. */
            name: string;
        };
        /** @description A message. */
        Message: {
            /**
             * Format: int64
             * @description The application it came from.
             */
            appid: number;
            /** @description The time of its arrival, RFC 3339. */
            date: string;
            /** @description The time at which it is deleted, RFC 3339; left out if there is none. */
            expiresAt?: string | null;
            /** @description Additional data, kept as it came. */
            extras?: Record<string, never> | null;
            /**
             * Format: int64
             * @description Unique on the server; 0 if it was not stored.
             */
            id: number;
            /** @description The text; Markdown without HTML. */
            message: string;
            /**
             * Format: int64
             * @description 0 (silent) to 10 (urgent) by convention.
             */
            priority: number;
            /** @description Its title. */
            title: string;
        };
        /** @description The messages that a listener receives next. */
        MoveListener: {
            /**
             * Format: int64
             * @description Those after this one; after 0, all that are stored; null for those to come.
             */
            after?: number | null;
        };
        /** @description A plugin from which a message came. */
        OfPlugin: {
            /** @description The manifest's id. */
            modulePath: string;
            /**
             * Format: int64
             * @description The plugin, as in `/plugin/{id}`.
             */
            plugin: number;
        };
        /** @description Dropped messages, newest first. */
        PagedDropped: {
            messages: components["schemas"]["DroppedMessage"][];
            paging: components["schemas"]["Paging"];
        };
        /** @description Messages, newest first. */
        PagedMessages: {
            /** @description The messages. */
            messages: components["schemas"]["Message"][];
            /** @description The position of this part in the list. */
            paging: components["schemas"]["Paging"];
        };
        /** @description The position of a part in a list. */
        Paging: {
            /**
             * Format: int32
             * @description Messages that were asked for.
             */
            limit: number;
            /** @description Address of the next page; none on the last. */
            next?: string | null;
            /**
             * Format: int64
             * @description Id of the last message here if there is another page; else 0.
             */
            since: number;
            /** @description Messages on this page. */
            size: number;
        };
        /** @description A version that waits for the administrator. */
        Pending: {
            /** @description The new permissions. */
            difference: components["schemas"]["Difference"];
            /** @description The plugin. */
            id: string;
            /** @description The active version. */
            running: components["schemas"]["VersionOf"];
            /** @description The pending version. */
            version: components["schemas"]["VersionOf"];
        };
        /** @description A call of a plugin. */
        PluginCall: components["schemas"]["Subject"] & {
            cause?: components["schemas"]["Cause"] | null;
            /** @description The time of its start. */
            date: string;
            /** @description Its failure as a sentence; else empty. */
            detail?: string;
            /**
             * Format: int64
             * @description Later calls have larger ids.
             */
            id: number;
            /**
             * Format: int64
             * @description Its duration in microseconds; that of a webhook until the answer's head.
             */
            micros: number;
            /** @description The manifest's id. */
            modulePath: string;
            /**
             * Format: int64
             * @description The plugin, as in `/plugin/{id}`.
             */
            plugin: number;
            /**
             * @description The messages that the plugin sent while the call was open. If several calls were
             *     open at the time, each of them has the message.
             */
            sent?: number[];
            /** @description The version that was called. */
            version: string;
        };
        /** @description A plugin of a user, as it is now. */
        PluginChange: {
            /** @description Whether it is enabled and can be called. */
            atWork: boolean;
            enabled: boolean;
            /** @description Whether it is down, or the last call of one of its functions failed. */
            failing: boolean;
            /** Format: int64 */
            id: number;
            lastError?: string | null;
            modulePath: string;
            name: string;
            version: string;
        };
        /** @description A plugin as one user has it. Beside Gotify's fields, it has those of Mortise. */
        PluginConf: {
            author: string;
            /** @description `wasm` or `native`. */
            backend: string;
            /** @description Its capabilities, as far as Gotify knows them. */
            capabilities: string[];
            /** @description The version of the contract that it was built for, if it tells one. */
            contract?: string | null;
            createdAt: string;
            description: string;
            /** @description Digest of the file it was loaded from. */
            digest: string;
            enabled: boolean;
            /** @description The interfaces of the contract that it implements. */
            exports: string[];
            /** @description True if it is down, or if the last call of one of its functions failed. */
            failing: boolean;
            filter?: components["schemas"]["FilterPlace"] | null;
            /** @description The command with which the administrator grants the missing permissions. */
            grantCommand?: string | null;
            /** Format: int64 */
            id: number;
            /** @description Its last failure; absent if there is none. */
            lastError?: string | null;
            license: string;
            /**
             * @description The module path as the plugin's author wrote it; the manifest's id of a plugin
             *     that was not written for Gotify.
             */
            modulePath: string;
            name: string;
            /** @description The permissions that it asks for. */
            permissions: components["schemas"]["Asked"][];
            /** @description The manifest's id, which commands and grants name. */
            pluginId: string;
            /** @description The secret part of its webhook address. */
            token: string;
            version: string;
            /**
             * @description The path of its webhook's address, behind the server's; absent if it has
             *     none.
             */
            webhookPath?: string | null;
            website: string;
        };
        /** @description All that is in the plugins folder. */
        PluginList: {
            /** @description By id. */
            plugins: components["schemas"]["Status"][];
            /** @description Files that are not plugins, and problems with the grants file. */
            problems: components["schemas"]["Problem"][];
        };
        /**
         * @description The state of an installed plugin. A failure of a user's instance is reported
         *     there.
         */
        PluginState: {
            /** @enum {string} */
            state: "on_demand";
        } | {
            /** @enum {string} */
            state: "loading";
        } | {
            /** @description Users' instances of it. */
            instances: number;
            /** @enum {string} */
            state: "loaded";
        } | {
            /**
             * Format: int32
             * @description The number of crashes in a row.
             */
            crashes: number;
            /** @description The last crash. */
            last: string;
            /** @enum {string} */
            state: "pausing";
        } | {
            /**
             * Format: int32
             * @description The number of crashes.
             */
            crashes: number;
            /** @description The last crash. */
            last: string;
            /** @enum {string} */
            state: "given_up";
        } | {
            /** @description The report. */
            report: Record<string, never>;
            /** @enum {string} */
            state: "broken";
        } | {
            /** @enum {string} */
            state: "missing";
        };
        /** @description A timer of a plugin. */
        PluginTimer: {
            /** @description The cron expression. */
            cron?: string | null;
            /**
             * Format: int64
             * @description The interval in milliseconds, of a timer that repeats.
             */
            everyMs?: number | null;
            /**
             * Format: int64
             * @description The most by which its times are put off, in milliseconds; left out for none.
             */
            jitterMs?: number | null;
            /** @description The plugin's name for it. */
            name: string;
            /** @description The next times at which it is due; a single one for a timer that does not repeat. */
            next: string[];
            /** @description True if it does not fire for times that it missed. */
            skipsMissed: boolean;
            /** @description The time zone of the cron expression; left out for the user's. */
            zone?: string | null;
        };
        /**
         * @description A file in the plugins folder that is no plugin of this server, or the grants
         *     file.
         */
        Problem: {
            /** @description The expected content. */
            expected: string;
            /** @description The file. */
            file: string;
            /** @description The fix. */
            fix: string;
            /** @description The found content. */
            found: string;
            /** @description The failed step. */
            step: string;
        };
        /** @description A limit that was reached. */
        ReachedAt: {
            /**
             * Format: int64
             * @description How many times.
             */
            count: number;
            /** @description The last time, RFC 3339. */
            date: string;
            limit: string;
        };
        /** @description Whether the server can serve its users. */
        Ready: {
            /**
             * @description Whether HTTPS has a valid certificate; absent if the server does not serve HTTPS.
             *     A server without one is ready nonetheless: an authority must be able to reach it.
             */
            certificate?: boolean;
            /** @description Whether the database answers. */
            database: boolean;
            /** @description Whether the enabled plugins were brought up. */
            plugins: boolean;
        };
        /** @description A call of a filter. */
        RecordedCall: {
            /** @description The message that it was given. */
            draft: Record<string, never>;
            /** @description The message. */
            message: components["schemas"]["TracedId"];
            /** @description The answer. */
            verdict: Record<string, never>;
            /** @description The version that answered. */
            version: string;
        };
        /** @description A token that replaces another. */
        RegeneratedToken: {
            /** @description Shown only now. */
            token: string;
        };
        /** @description The place of a version in a registry. */
        RegistrySource: {
            /** @description The digest of the version's manifest in the registry. */
            digest: string;
            /** @description The digest of the version's file. */
            file: string;
            /** @description The reference, such as `oci://ghcr.io/example/rules:1.0.0`. */
            reference: string;
        };
        /** @description A version in a registry, as its publisher describes it. */
        RegistryVersion: components["schemas"]["Artifact"] & {
            /** @description The permissions that it asks for beyond the active version. */
            difference: components["schemas"]["Difference"];
            installed?: components["schemas"]["VersionOf"] | null;
            /** @description True if it is neither the active nor the pending version. */
            new: boolean;
            /**
             * @description The signer by the key that its signature names. The server checks the
             *     signature with the file, before it runs any of it.
             */
            signature: components["schemas"]["Signature"];
        };
        /** @description The results of a replay. */
        Replay: components["schemas"]["Effects"] & {
            /** @description The number of calls. */
            calls: number;
            /** @description The first of these, oldest message first. */
            differences: components["schemas"]["CallDifference"][];
            /** @description Calls with another result. */
            different: number;
            /** @description Its digest. */
            digest: string;
            /** @description The manifest's id. */
            id: string;
            /** @description Calls that could not be replayed, because the trace has a change only in part. */
            incomplete: number;
            /** @description Messages that were not looked at, because the replay took too long. */
            left: number;
            /**
             * Format: int64
             * @description The duration of all calls, in microseconds.
             */
            micros: number;
            /** @description Calls with the recorded result. */
            same: number;
            /** @description The version that answered, by its manifest. */
            version: string;
        };
        /** @description An HTTP request that a replayed version would have sent. */
        Requested: {
            /** @description The method. */
            method: string;
            /** @description The address without its query and its user, cut if it is long. */
            url: string;
        };
        /** @description The permissions to revoke. */
        Revoke: {
            /**
             * @description All that was allowed.
             * @default false
             */
            all: boolean;
            /** @description This, in the words in which it was allowed. */
            allow?: Record<string, never>;
            /**
             * @description These, as the plugin asks for them.
             * @default []
             */
            permissions: Record<string, never>[];
        };
        /** @description A plugin's requested permissions and its grants. */
        Rights: {
            /** @description The administrator's grants, as in the grants file. */
            allowed: Record<string, never>;
            /** @description The time of the administrator's last change; absent if there is none. */
            answeredAt?: string | null;
            /**
             * @description The permissions that the active version asks for; empty for a plugin
             *     that is not installed.
             */
            asked: components["schemas"]["Asked"][];
            id: string;
        };
        /** @description A message to try, and the configuration to try it with. */
        Sample: {
            /**
             * Format: int64
             * @description The application it comes from; none for one that does not exist.
             */
            appid?: number | null;
            /** @description The configuration; the caller's if there is none. */
            config?: string | null;
            /** @description Additional data, an object. */
            extras?: {
                [key: string]: unknown;
            } | null;
            /** @description Its text. */
            message: string;
            /**
             * Format: int64
             * @description 0 (silent) to 10 (urgent) by convention.
             */
            priority?: number;
            /** @description Its title. */
            title?: string;
        };
        /** @description A change to an application's security. */
        SecurityUpdate: {
            regenerateToken?: components["schemas"]["RegeneratedToken"] | null;
        };
        /** @description A change to an application's security. */
        SecurityUpdateAction: {
            /** @description Replace the token: the one before is of no use any more. */
            regenerateToken?: boolean;
        };
        /** @description A message that a replayed version would have sent. */
        Sent: {
            /** @description The text, cut if it is long. */
            message: string;
            /**
             * Format: int32
             * @description The priority.
             */
            priority: number;
            /** @description The title, cut if it is long. */
            title: string;
        };
        /**
         * @description The severity of a finding.
         * @enum {string}
         */
        Severity: "problem" | "notice";
        /** @description The signer of a version. */
        Signature: {
            /** @enum {string} */
            is: "none";
        } | {
            /** @enum {string} */
            is: "untrusted";
        } | {
            /** @enum {string} */
            is: "trusted";
            /** @description By its name in the trust file. */
            key: string;
        };
        /** @description The source of an installation. */
        Source: {
            /**
             * @description `sha256:` and 64 hexadecimal digits: of the file, or of the manifest in the
             *     registry. Optional for a registry.
             */
            digest?: string | null;
            /**
             * @description Its signature: what minisign wrote into `NAME.minisig`. A version in a
             *     registry has its own.
             */
            signature?: string | null;
            /** @description `https`, `http`, or `oci` for a registry. */
            url: string;
        };
        /** @description The first event of a subscriber. */
        StateEvent: {
            admin?: components["schemas"]["AdminState"] | null;
            /** @description The subscriber's plugins. */
            plugins: components["schemas"]["PluginChange"][];
        };
        /** @description An installed plugin, as it is for the administrator. */
        Status: components["schemas"]["PluginState"] & {
            /** @description Its backend. */
            backend: string;
            /**
             * @description True if the file differs from its last known state. The server checks it
             *     as soon as it stays the same for a moment.
             */
            changed: boolean;
            /**
             * @description The version of the contract that it was built for; none for a plugin for Gotify's
             *     plugin API or a standard interface, and for one that has not told yet.
             */
            contract?: string | null;
            /** @description The active version's digest. */
            digest: string;
            /** @description Its file in the plugins folder. */
            file: string;
            /** @description The manifest's id. */
            id: string;
            /** @description For people. */
            name: string;
            previous?: components["schemas"]["VersionOf"] | null;
            /** @description The status and the confinement of its process; none for a component. */
            process?: Record<string, never> | null;
            /** @description The active version's signature. */
            signature: components["schemas"]["Signature"];
            source?: components["schemas"]["RegistrySource"] | null;
            /** @description The active version, by its manifest. */
            version: string;
            waiting?: components["schemas"]["Waiting"] | null;
        };
        /** @description A value in a plugin's storage. */
        StoredValue: {
            /** @description Its key. */
            key: string;
            /** @description The value in base64. */
            value: string;
        };
        /** @description The subject of a call. */
        Subject: {
            /** @enum {string} */
            kind: "listener";
            /** @description Their ids. */
            messages: number[];
        } | {
            /** @enum {string} */
            kind: "timer";
            /** @description The plugin's name for it. */
            timer: string;
        } | {
            /** @enum {string} */
            kind: "webhook";
            /** @description The request's method. */
            method: string;
            /** @description The path below the webhook's address, without the query. */
            path: string;
            /**
             * Format: int32
             * @description The status of the answer; none if there was no answer.
             */
            status?: number | null;
        };
        /** @description The time zone of a user's timers. */
        TimeZone: {
            /** @description A name of the IANA database, such as `Europe/Berlin`; empty for the server's. */
            timeZone: string;
        };
        /**
         * @description A filter's outcome.
         * @enum {string}
         */
        TraceAction: "keep" | "replace" | "drop" | "skipped" | "refused" | "restored" | "not_kept";
        /** @description One filter's work on one message. */
        TraceEntry: {
            /** @description The outcome. */
            action: components["schemas"]["TraceAction"];
            cause?: components["schemas"]["Cause"] | null;
            /** @description The fields that the filter changed. */
            changes?: components["schemas"]["Change"][];
            /**
             * @description The reason of a drop, of a failure, or for which no trace is kept, as a sentence; or
             *     the time of a restoration, RFC 3339; else empty.
             */
            detail?: string;
            /** @description The manifest's id; empty in traces of older servers. */
            id?: string;
            /**
             * Format: int64
             * @description The plugin's number among its user's, as in `/plugin/{id}`.
             */
            instance?: number;
            /**
             * Format: int64
             * @description Duration in microseconds.
             */
            micros: number;
            /** @description The plugin's name; empty for a restoration, and where no trace is kept. */
            plugin: string;
            /** @description The messages that the plugin sent while it was asked. */
            sent?: number[];
            /** @description The version that was asked. */
            version?: string;
        };
        /** @description A message that passed filters. */
        TracedId: {
            /** @description True for a dropped message. */
            dropped: boolean;
            /**
             * Format: int64
             * @description Its number, among the stored messages or among the dropped ones.
             */
            id: number;
        };
        /** @description The answer of a filter about one message. */
        Tried: components["schemas"]["Effects"] & {
            /**
             * Format: int64
             * @description The duration in microseconds.
             */
            micros: number;
            /** @description The answer. */
            result: components["schemas"]["CallResult"];
            /** @description The version that answered, by its manifest. */
            version: string;
        };
        /** @description The trust file. */
        TrustedKeys: {
            /** @description Its path on the server. */
            file: string;
            keys: components["schemas"]["KeyOf"][];
            /** @description The fault for which it cannot be used; absent if it can be. */
            problem?: string | null;
            /** @description Whether only plugins that one of the keys signed may run. */
            required: boolean;
        };
        /** @description A change of a message: the fields that are named. */
        UpdateMessage: {
            /**
             * @description The time at which it is deleted, RFC 3339, or seconds or milliseconds since
             *     1970; an empty text for never.
             */
            expiresAt?: string | null;
            /** @description Additional data, an object, in place of all there was. */
            extras?: {
                [key: string]: unknown;
            } | null;
            /** @description The text. */
            message?: string | null;
            /**
             * Format: int64
             * @description The priority.
             */
            priority?: number | null;
            /** @description The title; if it is empty, the application's name. */
            title?: string | null;
        };
        /** @description A change of a user. It keeps what it does not name. */
        UpdateUser: {
            /** @description True if the user administers the server. */
            admin?: boolean | null;
            /** @description For login; at most 16 KiB and no colon. */
            name: string;
            /** @description At most 1 KiB; empty keeps the one before. */
            pass?: string;
        };
        /** @description The limits of a plugin and their use. */
        Usage: {
            /** @description By their names in the grants file. */
            limits: components["schemas"]["LimitOf"][];
            /** @description The users who have the plugin, enabled or not. */
            users: components["schemas"]["UsedBy"][];
        };
        /** @description The use of one user's instance. */
        UsedBy: {
            enabled: boolean;
            /**
             * Format: int64
             * @description The user's plugin, as in `/plugin/{id}`.
             */
            instance: number;
            /** @description The limits that were reached since the server started. */
            reached: components["schemas"]["ReachedAt"][];
            /** @description Now, of the limits of things that are kept. */
            used: components["schemas"]["UsedOf"][];
            user: string;
        };
        /** @description The use of one limit. */
        UsedOf: {
            limit: string;
            /** Format: int64 */
            now: number;
        };
        /** @description A user. */
        User: {
            /** @description True if the user administers the server. */
            admin: boolean;
            /** @description RFC 3339. */
            createdAt: string;
            /**
             * Format: int64
             * @description Unique on the server.
             */
            id: number;
            /** @description For login. */
            name: string;
        };
        /** @description A new password. */
        UserPass: {
            /** @description At most 1 KiB. */
            pass: string;
        };
        /** @description The problems of a text. */
        Validation: {
            /** @description Empty if there is nothing to say against the text. */
            problems: components["schemas"]["ConfigProblem"][];
        };
        /** @description The server's version. */
        Version: {
            /** @description Empty: builds are the same whenever they are made. */
            buildDate: string;
            /** @description Of the source; empty if unknown. */
            commit: string;
            /** @description The version of Mortise. */
            mortiseVersion: string;
            /** @description The version of Gotify whose API this is. */
            version: string;
        };
        /** @description A version that does not run. */
        VersionOf: {
            /** @description Of its file. */
            digest: string;
            /** @description By its manifest. */
            version: string;
        };
        /**
         * @description The reason for which the content of a plugin's file does not run. The
         *     previous version keeps running.
         */
        Waiting: {
            /** @enum {string} */
            because: "failed";
            /** @description The failed step and its fix. */
            report: Record<string, never>;
        } | {
            /** @enum {string} */
            because: "pending";
            /** @description The new permissions. */
            difference: components["schemas"]["Difference"];
            /** @description What it is. */
            version: components["schemas"]["VersionOf"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_admin_audit: {
        parameters: {
            query?: {
                /** @description Of this plugin only. */
                plugin?: string;
                /** @description Those before the one of this id. */
                before?: number;
                /** @description 1 to 200; 100 if nothing is said. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_pending: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pending"][];
                };
            };
        };
    };
    get_admin_plugins: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginList"];
                };
            };
        };
    };
    post_admin_plugins: {
        parameters: {
            query?: {
                /** @description The digest that it must have: `sha256:` and 64 hexadecimal digits. */
                digest?: string;
                /** @description Its signature: what minisign wrote into `NAME.minisig`. */
                signature?: string;
                /** @description Its file name, by which its process is known. */
                name?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Source"];
                "application/octet-stream": number[];
            };
        };
        responses: {
            /** @description It runs, or waits for approval. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            /** @description Something else has its place in the plugins folder. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is too large for a plugin. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It does not load, does not start, or has another digest. Nothing changed. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The URL or the registry does not serve it. */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_plugins_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_admin_plugins_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_plugins_id_approve: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Approve"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing of it waits. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It does not start after all. The previous version keeps running. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_plugins_id_attach: {
        parameters: {
            query?: {
                /**
                 * @description It stays over restarts of the server and versions of the plugin, until it
                 *     is deleted.
                 */
                lasting?: boolean;
            };
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Attachment"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has no process, or no user has enabled it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_admin_plugins_id_attach: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is no such plugin, or it has no lasting place. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_plugins_id_denials: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeniedTo"][];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_plugins_id_doctor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id, or the name of a file in the plugins folder. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Also about plugins that are not installed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Diagnosis"];
                };
            };
        };
    };
    post_admin_plugins_id_grant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Grant"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rights"];
                };
            };
            /** @description Nothing is to be granted, there is no such limit, or a directory overlaps the server's own. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What it asks for is not known, for it is not installed. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_plugins_id_grants: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rights"];
                };
            };
        };
    };
    get_admin_plugins_id_log: {
        parameters: {
            query?: {
                /** @description From this time on, in milliseconds since the epoch. */
                since?: number;
            };
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogLine"][];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_plugins_id_reload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Its file is not there. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It does not load or start. The previous version keeps running. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_plugins_id_revoke: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Revoke"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rights"];
                };
            };
            /** @description The request names no permission. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nothing of it is granted. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_plugins_id_rollback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description There is none, or it has to be approved first. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It does not load or start. The previous version keeps running. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_plugins_id_update: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryVersion"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has no registry, or names its version by digest. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What the registry has is not a plugin, or not for this machine. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The registry does not serve it. */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_admin_plugins_id_update: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Expected"];
            };
        };
        responses: {
            /** @description It runs, or waits for approval. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has no registry, or the newest version is another plugin. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is another version meanwhile, or does not load. Nothing changed. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The registry does not serve it. */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_plugins_id_usage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The manifest's id. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Usage"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_registry: {
        parameters: {
            query: {
                /** @description Such as `oci://ghcr.io/example/rules:1.0.0`. */
                reference: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RegistryVersion"];
                };
            };
            /** @description The address is not one in a registry. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is too large for a plugin. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is missing, not a plugin, not for this machine, or has another digest. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The registry does not serve it. */
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_admin_trusted_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrustedKeys"];
                };
            };
        };
    };
    post_admin_trusted_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeyOf"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrustedKeys"];
                };
            };
            /** @description It is no key, or the name does not fit. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is trusted already, or the file cannot be used as it is. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_admin_trusted_keys_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its slashes are encoded. */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TrustedKeys"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_application: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"][];
                };
            };
        };
    };
    post_application: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplicationParams"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_application_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplicationParams"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_application_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_application_id_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_application_id_image: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_application_id_message: {
        parameters: {
            query?: {
                /**
                 * @description How many, 1 to 200; 100 if it is left out. A page has fewer if the messages
                 *     are long.
                 */
                limit?: number;
                /** @description Only messages with a smaller id than this. */
                since?: number;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PagedMessages"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_application_id_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_application_id_retention: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplicationRetention"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Application"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_application_id_security: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecurityUpdateAction"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecurityUpdate"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_local_login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-www-form-urlencoded": components["schemas"]["LoginParams"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CurrentUser"];
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_oidc_callback: {
        parameters: {
            query: {
                /** @description The code for tokens. */
                code: string;
                /** @description The state of the login. */
                state: string;
                /** @description The reason for which there is no code. */
                error?: string;
                /** @description The same for people. */
                error_description?: string;
                /** @description The provider, if it names itself. */
                iss?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The client is elevated. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The session is there; on to the page. */
            307: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_oidc_elevate: {
        parameters: {
            query: {
                /** @description A client of the caller. */
                id: number;
                /** @description 1 to 86400. */
                durationSeconds: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_oidc_external_authorize: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExternalAuthorizeRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExternalAuthorizeResponse"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_auth_oidc_external_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExternalTokenRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExternalTokenResponse"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_auth_oidc_login: {
        parameters: {
            query: {
                /** @description Name of the client that is created for it. */
                name: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            302: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            502: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_client: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Client"][];
                };
            };
        };
    };
    post_client: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClientParams"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Client"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_client_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClientParams"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Client"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_client_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_client_id_elevate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ElevateRequest"];
            };
        };
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_current_user: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CurrentUser"];
                };
            };
        };
    };
    post_current_user_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserPass"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_current_user_timezone: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TimeZone"];
                };
            };
        };
    };
    put_current_user_timezone: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TimeZone"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TimeZone"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_events: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The schema is that of the event `state`. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["StateEvent"];
                };
            };
            /** @description Too many streams are open. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_gotifyinfo: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Info"];
                };
            };
        };
    };
    get_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description The database does not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    get_image_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_message: {
        parameters: {
            query?: {
                /**
                 * @description How many, 1 to 200; 100 if it is left out. A page has fewer if the messages
                 *     are long.
                 */
                limit?: number;
                /** @description Only messages with a smaller id than this. */
                since?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PagedMessages"];
                };
            };
        };
    };
    post_message: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateMessage"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description A field is missing, malformed or not yours. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The application or the address sends too much. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A filter failed, and the user wants messages rejected then. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_message: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_message_dropped: {
        parameters: {
            query?: {
                /**
                 * @description How many, 1 to 200; 100 if it is left out. A page has fewer if the messages
                 *     are long.
                 */
                limit?: number;
                /** @description Only messages with a smaller id than this. */
                since?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PagedDropped"];
                };
            };
        };
    };
    delete_message_dropped: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_message_dropped_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_message_dropped_id_restore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_message_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateMessage"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description A field is malformed, or the text would be empty. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such message. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A filter changed the message, and the server has not kept a field as it was sent: the change must name it. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A field is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The application or the address sends too much. */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A filter failed, and the user wants messages rejected then. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_message_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_message_id_calls: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CallsAbout"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_message_id_trace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TraceEntry"][];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginConf"][];
                };
            };
        };
    };
    get_plugin_filters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FilterInChain"][];
                };
            };
        };
    };
    put_plugin_filters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FilterChoice"][];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FilterInChain"][];
                };
            };
            /** @description One is not a filter of the caller, or is named twice. Nothing changed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_problems: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"][];
                };
            };
            /** @description The caller is not an administrator. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_calls: {
        parameters: {
            query?: {
                /** @description Calls about messages since this time, in milliseconds since the epoch. */
                since?: number;
                /** @description About at most this many messages; at most 10,000. */
                limit?: number;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordedCall"][];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_config: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-yaml": string;
                };
            };
            /** @description The plugin has no configuration. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_config: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-yaml": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It has problems, or the plugin refused it; nothing was stored. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_config_form: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigForm"];
                };
            };
            /** @description The plugin has no configuration. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_config_validate: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-yaml": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Validation"];
                };
            };
            /** @description The plugin has no configuration. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_consent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_custom_token_: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_plugin_id_custom_token_: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_custom_token_: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_plugin_id_custom_token_: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    options_plugin_id_custom_token_: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    head_plugin_id_custom_token_: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_plugin_id_custom_token_: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    trace_plugin_id_custom_token_: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_custom_token_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
                /** @description What the plugin makes of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_plugin_id_custom_token_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
                /** @description What the plugin makes of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_custom_token_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
                /** @description What the plugin makes of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_plugin_id_custom_token_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
                /** @description What the plugin makes of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    options_plugin_id_custom_token_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
                /** @description What the plugin makes of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    head_plugin_id_custom_token_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
                /** @description What the plugin makes of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    patch_plugin_id_custom_token_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
                /** @description What the plugin makes of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    trace_plugin_id_custom_token_path: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                /** @description The plugin's token. */
                token: string;
                /** @description What the plugin makes of it. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the plugin answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled, or the request is malformed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No plugin has this token. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The body is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_dead_letters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetter"][];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_plugin_id_dead_letters_message: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
                message: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_dead_letters_message_retry: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
                message: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The plugin took it: it is no dead letter any more. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin, or the plugin no such dead letter that it may read. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin failed again, or is disabled; the dead letter stays. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_denials: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Denied"][];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_disable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is disabled. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin refused; it stays enabled. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_display: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description The plugin shows nothing. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_enable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is enabled. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin did not start; it stays disabled. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_plugin_id_filter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FilterPlace"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is not a filter. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_plugin_id_filter_applications: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FilterApplications"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is not a filter, or an application is not the caller's. Nothing changed. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_listener: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListenerPosition"];
                };
            };
            /** @description The plugin is not a listener. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    put_plugin_id_listener: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MoveListener"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ListenerPosition"];
                };
            };
            /** @description The plugin is not a listener. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is disabled. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_log: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogEntry"][];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_replay: {
        parameters: {
            query?: {
                /** @description Calls about messages since this time, in milliseconds since the epoch. */
                since?: number;
                /** @description About at most this many messages; at most 10,000. */
                limit?: number;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Replay"];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Another replay of the caller runs. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is not a filter, or does not start. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_replay_candidate: {
        parameters: {
            query?: {
                /** @description Calls about messages since this time, in milliseconds since the epoch. */
                since?: number;
                /** @description About at most this many messages; at most 10,000. */
                limit?: number;
                /** @description The digest that it must have: `sha256:` and 64 hexadecimal digits. */
                digest?: string;
                /** @description Its signature: what minisign wrote into `NAME.minisig`. */
                signature?: string;
                /** @description Its file name, by which its process is known. */
                name?: string;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/octet-stream": number[] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Replay"];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Another replay of the caller runs, or no version waits for approval. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The file is too large for a plugin. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The file does not load or start, is another plugin, no filter, or has another digest. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_schema: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/schema+json": string;
                };
            };
            /** @description The plugin has no configuration. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin, or it has no schema. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_storage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoredValue"][];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_timers: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginTimer"][];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_plugin_id_trace: {
        parameters: {
            query?: {
                /** @description Calls with a smaller id. */
                before?: number;
                /** @description At most this many: 100 by default, and at most 1,000. */
                limit?: number;
                /** @description With true, only those that failed. */
                failed?: boolean;
            };
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PluginCall"][];
                };
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_plugin_id_try: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Sample"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tried"];
                };
            };
            /** @description The message has no text, or its application is not the caller's. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The caller has no such plugin. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A replay of the caller runs. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The configuration is too long. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The plugin is not a filter, or does not start with this configuration. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ready"];
                };
            };
            /** @description Not yet, or no longer. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ready"];
                };
            };
        };
    };
    get_static_defaultapp_png: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_stream: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Each text frame is a message as JSON. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It is no WebSocket request. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_user: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"][];
                };
            };
        };
    };
    post_user: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateUser"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    post_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateUser"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    delete_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    get_version: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Version"];
                };
            };
        };
    };
}
