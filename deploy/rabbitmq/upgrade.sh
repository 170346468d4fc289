#!/bin/sh
# What a broker that already runs or already has data needs for this version. Where the broker runs, with rabbitmqctl in the PATH:
#   upgrade.sh definitions FILE   reads the definitions again, unless FILE says that it has them
#   upgrade.sh accounts           ends the account guest, which an earlier version had for its administrator, unless this one's is called so
#   upgrade.sh queues             the queues that an earlier version has declared with arguments, which today's services may not change, and the messages in each
#   upgrade.sh delete QUEUE...    deletes them, for the services to declare them anew
# What the arguments said is said by policies today: docs/adr/0023-queue-limits-are-policies.md.
set -eu
case $1 in
    definitions)
        umask 077
        sh "$(dirname "$0")/render.sh" >"$2.new"
        if cmp -s "$2" "$2.new"; then rm "$2.new"; exit; fi
        rabbitmqctl -q import_definitions "$2.new"
        mv "$2.new" "$2"
        ;;
    accounts)
        [ "$RABBITMQ_USER" = guest ] || if rabbitmqctl -q list_users --no-table-headers | cut -f 1 | grep -Fqx guest; then rabbitmqctl -q delete_user guest; fi
        ;;
    queues)
        # Asked of the queues themselves, those that are out with a consumer included: what list_queues shows may be seconds old, and is nothing after a start.
        answer=$(rabbitmqctl -q eval '
            [{Name, element(2, {ok, _, _} = ra:consistent_query(amqqueue:get_pid(Q), fun rabbit_fifo:query_messages_total/1))} ||
                Q <- rabbit_amqqueue:list(<<"/">>), amqqueue:get_type(Q) =:= rabbit_quorum_queue,
                length([K || {K, _, _} <- amqqueue:get_arguments(Q), K =/= <<"x-single-active-consumer">>]) > 1,
                {resource, _, queue, Name} <- [amqqueue:get_name(Q)], re:run(Name, "^(users|orders|inventory|notifications)[.]") =/= nomatch].')
        printf '%s' "$answer" | tr -d ' \n' | tr '{' '\n' | sed -n 's/^<<"\(.*\)">>,\([0-9]*\)}.*/\1 \2/p'
        ;;
    delete)
        shift
        for queue; do rabbitmqctl -q delete_queue "$queue"; done
        ;;
esac
