#!/bin/sh
# Stands in for the trainer program (`trainer.sh serve`). What a request's plan says is what befalls it.
answered=0
while read -r request; do
    id=$(echo "$request" | sed 's/.*"id":\([0-9]*\).*/\1/')
    case $request in
        *SERVED*) echo "{\"id\":$id,\"loss\":$answered,\"accuracy\":0.5,\"images\":$$}"; answered=$((answered + 1)) ;;
        *DIES*) echo "out of luck" >&2; exit 7 ;;
        *REFUSES*) echo "the data set is missing" >&2; exit 2 ;;
        *UNFIT*) echo "{\"id\":$id,\"error\":\"it is no model\"}" ;;
        *PASSES*) echo "{\"id\":$id,\"error\":\"the disk is full\",\"passing\":true}" ;;
        *LITTERS*) # An unfinished file at the first time, and for good at the second.
            model=$(printf '%s\n' "$request" | sed 's/.*"model":"\([^"]*\)".*/\1/')
            if [ $answered = 0 ]; then
                touch "$model" "$model.tmp"
                echo "{\"id\":$id,\"error\":\"the disk is full\",\"passing\":true}"
            else
                echo "{\"id\":$id,\"error\":\"it is no model\"}"
            fi
            answered=$((answered + 1)) ;;
        *HANGS*) exec sleep 3600 ;;
        *GARBAGE*) echo "Segmentation fault" ;;
        *IMPOSSIBLE*) echo "{\"id\":$id,\"loss\":0,\"accuracy\":1.5,\"images\":1}" ;;
        *ANOTHERS*) echo "{\"id\":0,\"loss\":0,\"accuracy\":1,\"images\":1}" ;;
        *FLOODS*) head -c 100000 /dev/zero | tr '\0' x ;;
        *CHATS*) head -c 1000000 /dev/zero >&2; echo "{\"id\":$id,\"loss\":1,\"accuracy\":0.5,\"images\":1}" ;;
    esac
done
